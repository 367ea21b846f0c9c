#include "engine/session/pruning.h"

#include <algorithm>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/formats/file_checkpoint.h"
#include "engine/session/shared_masks.h"
#include "engine/session/tensor_loop.h"

namespace lacuna {

Pruning::Pruning(CheckpointPtr checkpoint, std::vector<Target> targets, Ties ties)
    : checkpoint_(std::move(checkpoint)), ties_(ties) {
    std::unordered_set<size_t> seen;
    groups_.reserve(targets.size());
    for (Target& target : targets) {
        if (target.tensor >= checkpoint_->tensors().size())
            throw Error(ErrorKind::argument, "prepare", "there is no tensor " + std::to_string(target.tensor),
                        "resolve the recipe against this checkpoint");
        const TensorInfo& info = checkpoint_->tensors()[target.tensor];
        if (!seen.insert(target.tensor).second)
            throw Error(ErrorKind::argument, info.name, "is named by two groups", "name each tensor once");
        FakeSparsity prepared{std::make_shared<const Mask>(Mask::ones(info.shape))};
        groups_.push_back({std::move(target), info.name, std::move(prepared)});
    }
}

void Pruning::enable_mask_update(std::string_view fqn, bool enabled) {
    const auto group = std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) { return g.fqn == fqn; });
    if (group == groups_.end())
        throw Error(ErrorKind::argument, std::string(fqn), "has no mask", "prepare it, or check the name");
    group->fake_sparsity.enabled = enabled;
}

void Pruning::set_option(const std::string& option, std::span<const std::optional<double>> values) {
    std::vector<Options> changed;
    for (size_t i = 0; i < groups_.size(); ++i) {
        changed.push_back(groups_[i].target.options);
        if (i < values.size() && values[i]) groups_[i].target.sparsifier->set_number(changed[i], option, *values[i]);
    }
    for (size_t i = 0; i < groups_.size(); ++i) groups_[i].target.options = std::move(changed[i]);
}

void Pruning::step(Progress& progress) {
    std::vector<size_t> enabled;
    std::vector<int64_t> sizes;
    for (size_t i = 0; i < groups_.size(); ++i) {
        if (!groups_[i].fake_sparsity.enabled) continue;
        enabled.push_back(i);
        sizes.push_back(groups_[i].fake_sparsity.mask->size());
    }
    std::vector<MaskPtr> next(enabled.size());
    for_each_tensor(sizes, "Pruning", progress, [&](size_t i) {
        const Group& group = groups_[enabled[i]];
        const MaskRequest request{checkpoint_->view(group.target.tensor), group.fake_sparsity.mask.get(),
                                  &group.target.options, ties_, group.fqn};
        next[i] = std::make_shared<const Mask>(group.target.sparsifier->compute(request));
        release_storage(*checkpoint_, checkpoint_->tensors()[group.target.tensor].storage);
    });
    for (size_t i = 0; i < enabled.size(); ++i) groups_[enabled[i]].fake_sparsity.mask = std::move(next[i]);
    ++steps_;
}

MaskSet Pruning::masks() const {
    MaskSet masks;
    for (const Group& group : groups_) masks.emplace(group.fqn, group.fake_sparsity.mask);
    spread_over_shared_storage(*checkpoint_, masks);
    return masks;
}

}  // namespace lacuna
