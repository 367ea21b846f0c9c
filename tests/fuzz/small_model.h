#pragma once

#include "engine/formats/formats.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna::fuzz {

/// What the fuzzers lay recipes and states over: the layers of tests/session/fixtures/python_state.pt, and a tensor of
/// every other kind.
inline CheckpointPtr small_model() {
    using namespace testing_support;
    static const ScratchFolder folder;
    static const CheckpointPtr model = open_checkpoint(write_safetensors(
        folder / "model.safetensors",
        {random_weights("encoder.fc1.weight", {16, 8}, 1), random_weights("encoder.fc2.weight", {8, 16}, 2),
         random_weights("head.weight", {4, 8}, 3), random_weights("head.bias", {4}, 4),
         random_weights("conv.weight", {4, 3, 2, 2}, 5), random_weights("empty.weight", {0, 4}, 6),
         tensor_of<int64_t>("steps", DType::I64, {2, 2}, {1, 2, 3, 4})}));
    return model;
}

}  // namespace lacuna::fuzz
