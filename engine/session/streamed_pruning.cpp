#include "engine/session/streamed_pruning.h"

#include <algorithm>

#include "engine/base/tensor_loop.h"
#include "engine/formats/file_checkpoint.h"
#include "engine/formats/saved_mask.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

/// Whether a target's mask can be made by itself, for rules that look at no other tensor.
class Alone {
  public:
    Alone(const Checkpoint& checkpoint, const std::vector<Target>& targets) : checkpoint_(checkpoint) {
        for (const Target& target : targets) ++in_storage_[checkpoint.tensors()[target.tensor].storage];
    }
    bool operator()(const Target& target) const {
        const bool alone = in_storage_.at(checkpoint_.tensors()[target.tensor].storage) == 1;
        return alone && checkpoint_.view(target.tensor).contiguous();  // expanded views repeat elements
    }

  private:
    const Checkpoint& checkpoint_;
    std::unordered_map<uint64_t, int> in_storage_;  // targets
};

}  // namespace

StreamedPruning::StreamedPruning(CheckpointPtr checkpoint, std::vector<Target> targets, const Recipe& recipe,
                                 const Progress& progress, Hold hold, const SavedSchedulers& saved)
    : checkpoint_(std::move(checkpoint)),
      targets_(std::move(targets)),
      progress_(progress),
      steps_(recipe.steps),
      ties_(recipe.ties),
      levels_(targets_, recipe, saved) {
    for (const Target& target : targets_) masked_.push_back(target.tensor);
    std::vector<Target> held = targets_;
    if (hold == Hold::what_must_be) {
        const Alone alone(*checkpoint_, targets_);
        for (const Target& target : targets_)
            if (alone(target) && !target.sparsifier->spans_tensors()) streamed_.emplace(target.tensor, &target);
        for (JointUnit& unit : joint_units(targets_, steps_, ties_, levels_)) {
            const bool plain = std::all_of(unit.targets.begin(), unit.targets.end(), [&](size_t i) {
                return alone(targets_[i]) && checkpoint_->saved_masks(targets_[i].tensor).empty();
            });
            if (!plain) continue;
            for (size_t place = 0; place < unit.targets.size(); ++place) {
                const Target& target = targets_[unit.targets[place]];
                streamed_.emplace(target.tensor, &target);
                members_.emplace(target.tensor, Member{units_.size(), place});
            }
            units_.push_back(std::move(unit));
        }
        std::erase_if(held, [&](const Target& target) { return streamed_.contains(target.tensor); });
    }
    held_.emplace(checkpoint_, std::move(held), ties_);
}

void StreamedPruning::compute_on(BlockDevice* device) {
    device_ = device;
    held_->compute_on(device);
}

void StreamedPruning::set_activations(const ActivationSet& activations) {
    activations_ = activations;
    held_->set_activations(activations);
}

void StreamedPruning::take_steps(Progress& progress) {
    if (!held_->groups().empty()) {
        lacuna::take_steps(*held_, steps_, levels_, progress);
        held_masks_ = held_->masks();
    }
    for (const JointUnit& unit : units_) cuts_.push_back(find_cut(unit, progress));
}

std::unique_ptr<JointCut> StreamedPruning::find_cut(const JointUnit& unit, Progress& progress) const {
    std::vector<MaskRequest> requests;
    for (size_t place = 0; place < unit.targets.size(); ++place) requests.push_back(joint_request(unit, place));
    const auto left = [&](std::span<const size_t> places) {
        std::vector<size_t> storages;
        for (const size_t place : places)
            storages.push_back(checkpoint_->tensors()[targets_[unit.targets[place]].tensor].storage);
        release_storages(*checkpoint_, std::move(storages));
    };
    return targets_[unit.targets.front()].sparsifier->find_cut(requests, progress, left);
}

MaskRequest StreamedPruning::joint_request(const JointUnit& unit, size_t place) const {
    return request(targets_[unit.targets[place]], unit.options);
}

MaskRequest StreamedPruning::request(const Target& target, const Options& options) const {
    const TensorInfo& info = checkpoint_->tensors()[target.tensor];
    const auto seen = activations_.find(info.name);
    return {.weight = checkpoint_->view(target.tensor),
            .options = &options,
            .ties = ties_,
            .name = info.name,
            .activations = seen == activations_.end() ? nullptr : seen->second.get(),
            .device = device_,
            .progress = &progress_};
}

MaskPtr StreamedPruning::compute(const Target& target) const {
    if (const auto member = members_.find(target.tensor); member != members_.end()) {
        const auto [unit, place] = member->second;
        return std::make_shared<const Mask>(cuts_[unit]->mask(place, joint_request(units_[unit], place)));
    }
    Mask mask = *first_mask(*checkpoint_, target.tensor);
    for (int step = 0; step < steps_ && !progress_.cancelled(); ++step) {
        std::optional<Options> moved;
        if (levels_.scheduled()) moved = options_at(levels_, step, target);
        MaskRequest now = request(target, moved ? *moved : target.options);
        now.current = &mask;
        mask = target.sparsifier->compute(now);
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
