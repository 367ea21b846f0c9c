#include "engine/session/pruning.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/base/numbers.h"
#include "engine/base/tensor_loop.h"
#include "engine/formats/file_checkpoint.h"
#include "engine/formats/saved_mask.h"
#include "engine/session/shared_masks.h"
#include "engine/sparsifiers/group_text.h"
#include "engine/sparsifiers/units.h"

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
        FakeSparsity prepared{first_mask(*checkpoint_, target.tensor)};
        groups_.push_back({std::move(target), info.name, std::move(prepared)});
    }
}

Pruning::Group& Pruning::group(std::string_view fqn) {
    const auto found = std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) { return g.fqn == fqn; });
    if (found == groups_.end())
        throw Error(ErrorKind::argument, std::string(fqn), "has no mask", "prepare it, or check the name");
    return *found;
}

void Pruning::enable_mask_update(std::string_view fqn, bool enabled) {
    group(fqn).fake_sparsity.enabled = enabled;
}

void Pruning::set_masks(const MaskSet& masks) {
    std::unordered_map<std::string_view, Group*> by_name;
    for (Group& group : groups_) by_name.emplace(group.fqn, &group);
    for (const auto& [name, mask] : masks) {
        const auto known = by_name.find(name);
        if (known == by_name.end())
            throw Error(ErrorKind::argument, name, "has no mask", "prepare it, or check the name");
        const Shape& shape = known->second->fake_sparsity.mask->shape();
        if (mask->shape() != shape)
            throw Error(
                ErrorKind::argument, name,
                "its mask has shape " + lacuna::to_string(mask->shape()) + ", the tensor " + lacuna::to_string(shape));
    }
    for (const auto& [name, mask] : masks) by_name.at(name)->fake_sparsity.mask = mask;
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
    std::vector<RuleOf> rules;
    for (size_t i = 0; i < groups_.size(); ++i) {
        if (!groups_[i].fake_sparsity.enabled) continue;
        enabled.push_back(i);
        rules.push_back({groups_[i].target.sparsifier, &groups_[i].target.options});
    }
    std::vector<std::vector<size_t>> units = units_of(rules);
    std::vector<int64_t> sizes;
    for (std::vector<size_t>& unit : units) {
        sizes.push_back(0);
        for (size_t& member : unit) {
            member = enabled[member];
            sizes.back() += groups_[member].fake_sparsity.mask->size();
        }
    }
    std::vector<MaskPtr> next(groups_.size());
    for_each_tensor(sizes, "Pruning", progress, [&](size_t i) { compute_unit(units[i], progress, next); });
    for (size_t i : enabled) groups_[i].fake_sparsity.mask = std::move(next[i]);
    ++steps_;
}

void Pruning::compute_unit(std::span<const size_t> unit, const Progress& progress, std::vector<MaskPtr>& next) const {
    std::vector<MaskRequest> requests;
    for (const size_t member : unit) {
        const Group& group = groups_[member];
        const auto seen = activations_.find(group.fqn);
        requests.push_back({.weight = checkpoint_->view(group.target.tensor),
                            .current = group.fake_sparsity.mask.get(),
                            .options = &group.target.options,
                            .ties = ties_,
                            .name = group.fqn,
                            .activations = seen == activations_.end() ? nullptr : seen->second.get(),
                            .device = device_,
                            .progress = &progress});
    }
    std::vector<Mask> masks = groups_[unit[0]].target.sparsifier->compute_all(requests);
    for (size_t i = 0; i < unit.size(); ++i) {
        next[unit[i]] = std::make_shared<const Mask>(std::move(masks[i]));
        release_storage(*checkpoint_, checkpoint_->tensors()[groups_[unit[i]].target.tensor].storage);
    }
}

std::string Pruning::to_string() const {
    std::string text = counted(int64_t(groups_.size()), "group") + " after " + counted(steps_, "step") + "\n";
    for (const Group& group : groups_)
        text += group_in_words(group.fqn, *group.target.sparsifier, group.target.options, group.fake_sparsity);
    return text;
}

MaskSet Pruning::masks() const {
    MaskSet masks;
    for (const Group& group : groups_) masks.emplace(group.fqn, group.fake_sparsity.mask);
    spread_over_shared_storage(*checkpoint_, masks);
    return masks;
}

}  // namespace lacuna
