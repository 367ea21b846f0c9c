#pragma once

#include "engine/formats/formats.h"
#include "engine/session/document.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna::ui {

/// Two layers with weight and bias, one lone tensor, one that cannot be pruned: what trees and forms have to cope with.
inline std::filesystem::path write_sample(const std::filesystem::path& path) {
    using namespace lacuna::testing_support;
    return write_safetensors(
        path, {random_weights("encoder.fc1.weight", {16, 8}, 1), random_weights("encoder.fc1.bias", {16}, 2),
               random_weights("encoder.fc2.weight", {8, 16}, 3), random_weights("encoder.fc2.bias", {8}, 4),
               random_weights("head.weight", {4, 8}, 5), tensor_of<int64_t>("steps", DType::I64, {2}, {1, 2})});
}

/// The index of a tensor in the sample.
enum SampleTensor : size_t { fc1_weight, fc1_bias, fc2_weight, fc2_bias, head_weight, steps };

/// A snapshot made by hand: nothing pruned.
inline std::shared_ptr<Snapshot> snapshot_of(const std::filesystem::path& path) {
    auto snapshot = std::make_shared<Snapshot>();
    const DocumentPtr document = new_document(std::make_shared<const Model>(open_checkpoint(path)));
    snapshot->model = document->model;
    snapshot->tensors = document->tensors;
    snapshot->parameters = document->model->checkpoint().parameters();
    return snapshot;
}

/// The snapshot with one tensor's state changed by `edit`.
template <class Edit>
std::shared_ptr<Snapshot> with_state(const Snapshot& before, size_t tensor, const Edit& edit) {
    auto next = std::make_shared<Snapshot>(before);
    auto state = std::make_shared<TensorState>(*before.tensors[tensor]);
    edit(*state);
    next->tensors[tensor] = std::move(state);
    ++next->version;
    return next;
}

/// Prunes the first `count` weights of a tensor, stepped or in the preview alone.
inline std::shared_ptr<Snapshot> with_pruned(const Snapshot& before, size_t tensor, int64_t count, bool stepped) {
    const Shape shape = before.model->checkpoint().tensors()[tensor].shape;
    Mask mask = Mask::ones(shape);
    mask.set_range(0, count, false);
    return with_state(before, tensor, [&](TensorState& state) {
        state.shown = std::make_shared<const Mask>(mask);
        state.kept = mask.kept();
        if (stepped) state.stepped = state.shown;
    });
}

}  // namespace lacuna::ui
