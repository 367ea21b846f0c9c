#include "engine/session/streamed_pruning.h"

#include <unordered_map>

#include "engine/formats/saved_mask.h"
#include "engine/session/tensor_loop.h"

namespace lacuna {
namespace {

/// Targets whose masks depend on more than their own tensor.
std::vector<Target> targets_to_hold(const Checkpoint& checkpoint, const std::vector<Target>& targets) {
    std::unordered_map<uint64_t, int> in_storage;
    for (const Target& target : targets) ++in_storage[checkpoint.tensors()[target.tensor].storage];
    std::vector<Target> held;
    for (const Target& target : targets) {
        const bool alone = in_storage[checkpoint.tensors()[target.tensor].storage] == 1;
        const bool plain = alone && checkpoint.view(target.tensor).contiguous();  // expanded views repeat elements
        if (!plain || target.sparsifier->spans_tensors() || target.sparsifier->needs_activations())
            held.push_back(target);
    }
    return held;
}

}  // namespace

StreamedPruning::StreamedPruning(CheckpointPtr checkpoint, std::vector<Target> targets, const Recipe& recipe,
                                 const Progress& progress, Hold hold, const SavedSchedulers& saved)
    : checkpoint_(std::move(checkpoint)),
      targets_(std::move(targets)),
      progress_(progress),
      steps_(recipe.steps),
      ties_(recipe.ties),
      levels_(targets_, recipe, saved),
      held_(checkpoint_, hold == Hold::everything ? targets_ : targets_to_hold(*checkpoint_, targets_), recipe.ties) {
    for (const Target& target : targets_) {
        masked_.push_back(target.tensor);
        streamed_.emplace(target.tensor, &target);
    }
    for (const Pruning::Group& group : held_.groups()) streamed_.erase(group.target.tensor);
}

void StreamedPruning::compute_on(BlockDevice* device) {
    device_ = device;
    held_.compute_on(device);
}

void StreamedPruning::take_steps(Progress& progress) {
    if (held_.groups().empty()) return;
    lacuna::take_steps(held_, steps_, levels_, progress);
    held_masks_ = held_.masks();
}

MaskPtr StreamedPruning::compute(const Target& target) const {
    const TensorInfo& info = checkpoint_->tensors()[target.tensor];
    const TensorView weight = checkpoint_->view(target.tensor);
    const Options* options = &target.options;
    Options moved;
    Mask mask = *first_mask(*checkpoint_, target.tensor);
    for (int step = 0; step < steps_ && !progress_.cancelled(); ++step) {
        if (const auto level = levels_.at(step, target.tensor)) {
            moved = target.options;
            target.sparsifier->set_number(moved, "sparsity_level", *level);
            options = &moved;
        }
        const MaskRequest request{.weight = weight,
                                  .current = &mask,
                                  .options = options,
                                  .ties = ties_,
                                  .name = info.name,
                                  .device = device_,
                                  .progress = &progress_};
        mask = target.sparsifier->compute(request);
    }
    return std::make_shared<const Mask>(std::move(mask));
}

std::vector<MaskPtr> StreamedPruning::masks(std::span<const size_t> tensors) {
    std::vector<MaskPtr> masks(tensors.size());
    std::vector<size_t> places;
    std::vector<int64_t> sizes;
    for (size_t i = 0; i < tensors.size(); ++i) {
        const TensorInfo& info = checkpoint_->tensors()[tensors[i]];
        if (streamed_.contains(tensors[i])) {
            places.push_back(i);
            sizes.push_back(info.elements());
        } else {
            masks[i] = held_masks_.find(info.name)->second;
        }
    }
    for_each_tensor(sizes, progress_, [&](size_t k) {
        const size_t i = places[k];
        masks[i] = compute(*streamed_.at(tensors[i]));
    });
    progress_.check();  // what was cancelled half way is no mask
    return masks;
}

Report StreamedPruning::report(const ExportProof& proof, double seconds) const {
    std::unordered_map<size_t, int64_t> zeros;
    for (const PrunedTensor& pruned : proof.pruned) zeros[pruned.tensor] = pruned.zeros;
    Report report;
    report.seconds = seconds;
    for (const Target& target : targets_) {
        const TensorInfo& info = checkpoint_->tensors()[target.tensor];
        report.layers.push_back({info.name, info.shape, info.dtype, std::string(target.sparsifier->name()),
                                 info.elements(), zeros.at(target.tensor)});
        report.params += report.layers.back().params;
        report.zeros += report.layers.back().zeros;
    }
    return report;
}

}  // namespace lacuna
