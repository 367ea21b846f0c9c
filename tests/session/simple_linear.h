#pragma once

#include <vector>

#include "engine/formats/formats.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna::testing_support {

/// The weights of upstream's SimpleLinear fixture (docs/parity.md), a bias, a convolution and an integer beside them
/// where `extras` asks for what upstream's model lacks.
inline CheckpointPtr simple_linear(const ScratchFolder& folder, bool extras = false) {
    std::vector<TestTensor> tensors{
        random_weights("seq.0.weight", {5, 7}, 1), random_weights("seq.1.weight", {6, 5}, 2),
        random_weights("seq.2.weight", {4, 6}, 3), random_weights("linear1.weight", {4, 4}, 4),
        random_weights("linear2.weight", {10, 4}, 5)};
    if (extras) {
        tensors.push_back(random_weights("linear2.bias", {10}, 6));
        tensors.push_back(random_weights("conv.weight", {4, 3, 2, 2}, 7));
        tensors.push_back(tensor_of<int64_t>("steps", DType::I64, {2, 2}, {1, 2, 3, 4}));
        tensors.push_back(random_weights("optimizer.state.0.exp_avg", {4, 4}, 8));
    }
    return open_checkpoint(write_safetensors(folder / "simple_linear.safetensors", tensors));
}

}  // namespace lacuna::testing_support
