#include "engine/torch/module_sparsifier.h"

#include <algorithm>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/base/numbers.h"
#include "engine/sparsifiers/group_text.h"
#include "engine/sparsifiers/units.h"
#include "engine/torch/calibrate.h"
#include "engine/torch/cuda_device.h"
#include "engine/torch/masked_tensor.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

Error wrong(const std::string& tensor, std::string what, std::string hint = {}) {
    return Error(ErrorKind::argument, tensor, std::move(what), std::move(hint));
}

Options merged(Options base, const Options& over) {
    for (const auto& [name, value] : over.values()) base.set(name, value);
    return base;
}

/// Those of `options` that are called for. Throws Error(argument) for one that is not there.
Options selected(const SparsifyGroup& group, const std::vector<std::string>& names) {
    Options kept;
    for (const std::string& name : names) {
        if (!group.options.has(name))
            throw wrong(group.tensor_fqn,
                        std::string(group.sparsifier->name()) + " has no option '" + name + "' to keep");
        kept.set(name, group.options.values().find(name)->second);
    }
    return kept;
}

/// Also finds a tensor that is named by two names.
void reject_duplicates(const std::vector<SparsifyGroup>& groups, const ModuleTree& tree) {
    std::unordered_set<const void*> seen;
    for (const SparsifyGroup& group : groups)
        if (!seen.insert(tree.find(group.tensor_fqn).unsafeGetTensorImpl()).second)
            throw wrong(group.tensor_fqn, "this tensor is named twice", "name each tensor once");
}

/// Null where the kernels were not built: the processor gives the same masks.
std::unique_ptr<CudaDevice> kernels_for(c10::Device device) {
    try {
        return make_cuda_device(device);
    } catch (const Error&) {
        return nullptr;
    }
}

}  // namespace

ModuleSparsifier::ModuleSparsifier(const Sparsifier& sparsifier, Options defaults, Ties ties)
    : sparsifier_(&sparsifier), defaults_(std::move(defaults)), ties_(ties) {
    sparsifier_->check(sparsifier_->complete(defaults_), nullptr);
}

ModuleSparsifier::~ModuleSparsifier() = default;
ModuleSparsifier::ModuleSparsifier(ModuleSparsifier&&) noexcept = default;
ModuleSparsifier& ModuleSparsifier::operator=(ModuleSparsifier&&) noexcept = default;

void ModuleSparsifier::prepare(const torch::nn::Module& model, const std::optional<SparsifyConfig>& config) {
    prepare(module_tree(model), config);
}

void ModuleSparsifier::prepare(const torch::jit::Module& model, const std::optional<SparsifyConfig>& config) {
    prepare(module_tree(model), config);
}

void ModuleSparsifier::prepare(ModuleTree tree, const std::optional<SparsifyConfig>& config) {
    SparsifyConfig entries = config.value_or(SparsifyConfig{});
    const auto ours = [&](const at::Tensor& tensor) {
        return std::any_of(tensors_.begin(), tensors_.end(),
                           [&](const auto& held) { return held->tensor().is_same(tensor); });
    };
    if (!config)
        for (std::string& fqn : tree.linear_weights())
            if (const at::Tensor tensor = tree.find(fqn); !MaskedTensor::is_masked(tensor) || ours(tensor))
                entries.push_back({.tensor_fqn = std::move(fqn)});
    std::vector<SparsifyGroup> groups;
    for (const SparsifyEntry& entry : entries) {
        const at::Tensor tensor = tree.find(entry.tensor_fqn);
        groups.push_back(make_group(entry, tensor));
        if (MaskedTensor::is_masked(tensor) && !ours(tensor))
            throw Error(ErrorKind::state, groups.back().tensor_fqn, "another sparsifier has masked it",
                        "squash that one first");
    }
    reject_duplicates(groups, tree);
    tree_ = std::move(tree);
    replace(std::move(groups), 0);
}

SparsifyGroup ModuleSparsifier::make_group(const SparsifyEntry& entry, const at::Tensor& tensor) const {
    auto [module_fqn, tensor_name] = split_tensor_fqn(entry.tensor_fqn);
    SparsifyGroup group{join_fqn(module_fqn, tensor_name), module_fqn, tensor_name, entry.sparsifier, {}, {}};
    if (entry.tensor_fqn.empty()) throw wrong("prepare", "an entry of the configuration has no tensor_fqn");
    if (entry.module_fqn.value_or(module_fqn) != module_fqn || entry.tensor_name.value_or(tensor_name) != tensor_name)
        throw wrong(entry.tensor_fqn, "the entry's module_fqn or tensor_name contradicts it", "leave them out");
    if (!tensor.defined())
        throw wrong(entry.tensor_fqn, "the model has no parameter or buffer of that name",
                    "names are those of named_parameters()");
    if (!group.sparsifier) group.sparsifier = sparsifier_;
    group.options =
        group.sparsifier->complete(group.sparsifier == sparsifier_ ? merged(defaults_, entry.options) : entry.options);
    group.fake_sparsity.mask = entry.mask ? entry.mask : std::make_shared<const Mask>(Mask::ones(tensor.sizes().vec()));
    check(group, tensor);
    return group;
}

void ModuleSparsifier::check(const SparsifyGroup& group, const at::Tensor& tensor) const {
    if (!group.sparsifier || !group.fake_sparsity.mask)
        throw wrong(group.tensor_fqn, "the state has no sparsifier or no mask for it");
    const Shape shape = tensor.sizes().vec();
    if (tensor.layout() != at::kStrided || tensor.is_quantized())
        throw wrong(group.tensor_fqn, "only dense tensors can be pruned");
    if (const std::string why = group.sparsifier->why_not(shape, to_dtype(tensor.scalar_type())); !why.empty())
        throw wrong(group.tensor_fqn, why);
    try {
        group.sparsifier->check(group.options, &shape);
    } catch (const Error& error) {
        throw wrong(group.tensor_fqn, error.where() + ": " + error.problem(), error.hint());
    }
    if (group.fake_sparsity.mask->shape() != shape)
        throw wrong(group.tensor_fqn, "its mask has shape " + lacuna::to_string(group.fake_sparsity.mask->shape()) +
                                          ", the tensor " + lacuna::to_string(shape));
}

void ModuleSparsifier::replace(std::vector<SparsifyGroup> groups, int steps) {
    calibration_.reset();
    tensors_.clear();
    for (const SparsifyGroup& group : groups)
        tensors_.push_back(
            std::make_unique<MaskedTensor>(group.tensor_fqn, tree_.find(group.tensor_fqn), group.fake_sparsity.mask));
    groups_ = std::move(groups);
    observe_inputs();
    kept_.clear();
    steps_ = steps;
    phase_ = Phase::prepared;
}

void ModuleSparsifier::step() {
    need_prepared("step");
    std::vector<MaskPtr> next(groups_.size());
    for (const std::vector<size_t>& unit : units()) compute(unit, next);
    for (size_t i = 0; i < groups_.size(); ++i) {
        if (!next[i]) continue;
        tensors_[i]->set_mask(next[i]);
        groups_[i].fake_sparsity.mask = std::move(next[i]);
    }
    ++steps_;
}

void ModuleSparsifier::observe_inputs() {
    const auto looks = [](const SparsifyGroup& group) { return group.sparsifier->needs_activations(); };
    if (std::none_of(groups_.begin(), groups_.end(), looks)) return;
    std::vector<std::string> names;
    std::vector<at::Tensor> weights;
    for (size_t i = 0; i < groups_.size(); ++i) {
        names.push_back(groups_[i].tensor_fqn);
        weights.push_back(looks(groups_[i]) ? tensors_[i]->tensor() : at::Tensor());
    }
    calibration_ = std::make_unique<Calibration>(std::move(names), std::move(weights));
}

/// The enabled groups; those that a rule looks at together are together.
std::vector<std::vector<size_t>> ModuleSparsifier::units() const {
    std::vector<size_t> enabled;
    std::vector<RuleOf> rules;
    for (size_t i = 0; i < groups_.size(); ++i) {
        if (!groups_[i].fake_sparsity.enabled) continue;
        enabled.push_back(i);
        rules.push_back({groups_[i].sparsifier, &groups_[i].options});
    }
    std::vector<std::vector<size_t>> units = units_of(rules);
    for (std::vector<size_t>& unit : units)
        for (size_t& member : unit) member = enabled[member];
    return units;
}

std::string ModuleSparsifier::to_string() const {
    std::string text = counted(int64_t(groups_.size()), "group") + " after " + counted(steps_, "step") + "\n";
    for (const SparsifyGroup& group : groups_)
        text += group_in_words(group.tensor_fqn, *group.sparsifier, group.options, group.fake_sparsity);
    return text;
}

void ModuleSparsifier::compute(const std::vector<size_t>& unit, std::vector<MaskPtr>& next) const {
    std::vector<at::Tensor> originals;
    std::vector<ActivationsPtr> inputs;
    std::unique_ptr<CudaDevice> device;
    std::optional<c10::Device> place;
    std::vector<MaskRequest> requests;
    for (const size_t i : unit) {
        const SparsifyGroup& group = groups_[i];
        const at::Tensor& original = tensors_[i]->original();
        const bool there = original.is_cuda() && group.sparsifier->uses_device();
        if (there && !place) {
            place = original.device();
            device = kernels_for(*place);
        }
        const bool stays = there && device && original.device() == *place;  // others' GPUs: by the processor
        originals.push_back(stays ? original : original.cpu());
        inputs.push_back(activations(group.tensor_fqn));
        if (group.sparsifier->needs_activations() && !inputs.back())
            throw Error(ErrorKind::state, group.tensor_fqn, "its layer has seen no input since prepare",
                        "run the model on calibration data, then step");
        requests.push_back({.weight = stays ? CudaDevice::view_of(original) : as_view(originals.back()),
                            .current = group.fake_sparsity.mask.get(),
                            .options = &group.options,
                            .ties = ties_,
                            .name = group.tensor_fqn,
                            .activations = inputs.back().get(),
                            .device = stays ? device.get() : nullptr});
    }
    std::vector<Mask> masks = groups_[unit.front()].sparsifier->compute_all(requests);
    for (size_t k = 0; k < unit.size(); ++k) next[unit[k]] = std::make_shared<const Mask>(std::move(masks[k]));
}

void ModuleSparsifier::apply_masks() {
    need_prepared("apply_masks");
    for (const auto& tensor : tensors_) tensor->refresh();
}

void ModuleSparsifier::squash_mask(const std::vector<std::string>& params_to_keep,
                                   const std::map<std::string, std::vector<std::string>>& per_layer) {
    need_prepared("squash_mask");
    std::vector<Options> kept;
    for (const SparsifyGroup& group : groups_) {
        kept.push_back(selected(group, params_to_keep));
        if (const auto own = per_layer.find(group.module_fqn); own != per_layer.end())
            kept.back() = merged(std::move(kept.back()), selected(group, own->second));
    }
    for (const auto& tensor : tensors_) tensor->refresh();
    for (const auto& tensor : tensors_) tensor->squash();
    calibration_.reset();
    tensors_.clear();
    kept_ = std::move(kept);
    phase_ = Phase::squashed;
}

const Options& ModuleSparsifier::sparse_params(std::string_view tensor_fqn) const {
    static const Options none;
    const size_t index = index_of(tensor_fqn);
    return phase_ == Phase::squashed ? kept_[index] : none;
}

void ModuleSparsifier::enable_mask_update(std::string_view tensor_fqn, bool enabled) {
    groups_[index_of(tensor_fqn)].fake_sparsity.enabled = enabled;
}

void ModuleSparsifier::enable_mask_update(bool enabled) {
    for (SparsifyGroup& group : groups_) group.fake_sparsity.enabled = enabled;
}

const SparsifyGroup& ModuleSparsifier::group(std::string_view tensor_fqn) const {
    return groups_[index_of(tensor_fqn)];
}

ActivationsPtr ModuleSparsifier::activations(std::string_view tensor_fqn) const {
    const size_t index = index_of(tensor_fqn);
    return calibration_ ? calibration_->activations(index) : nullptr;
}

at::Tensor ModuleSparsifier::original(std::string_view tensor_fqn) const {
    need_prepared("original");
    return tensors_[index_of(tensor_fqn)]->original().clone();
}

void ModuleSparsifier::set_original(std::string_view tensor_fqn, const at::Tensor& values) {
    need_prepared("set_original");
    MaskedTensor& tensor = *tensors_[index_of(tensor_fqn)];
    if (values.sizes() != tensor.tensor().sizes())
        throw wrong(std::string(tensor_fqn), "the new values have shape " + lacuna::to_string(values.sizes().vec()) +
                                                 ", the tensor " + lacuna::to_string(tensor.tensor().sizes().vec()));
    tensor.set_original(values);
}

void ModuleSparsifier::load_state_dict(const ModuleSparsifierState& state, bool strict) {
    need_prepared("load_state_dict");
    std::vector<SparsifyGroup> groups;
    for (const SparsifyGroup& group : state.groups) {
        const at::Tensor tensor = tree_.find(group.tensor_fqn);
        if (tensor.defined()) {
            check(group, tensor);
            groups.push_back(group);
        } else if (strict) {
            throw wrong(group.tensor_fqn, "the state has a mask for it, but the model has no such tensor",
                        "load with strict = false to leave it out");
        }
    }
    reject_duplicates(groups, tree_);
    replace(std::move(groups), state.steps);
}

void ModuleSparsifier::need_prepared(const char* call) const {
    if (phase_ == Phase::fresh) throw Error(ErrorKind::state, call, "nothing is prepared", "call prepare first");
    if (phase_ == Phase::squashed)
        throw Error(ErrorKind::state, call, "the masks were squashed and are no longer there", "call prepare again");
}

size_t ModuleSparsifier::index_of(std::string_view tensor_fqn) const {
    const auto found = std::find_if(groups_.begin(), groups_.end(),
                                    [&](const SparsifyGroup& group) { return group.tensor_fqn == tensor_fqn; });
    if (found == groups_.end())
        throw wrong(std::string(tensor_fqn), "this tensor is not prepared", "name it in the configuration");
    return size_t(found - groups_.begin());
}

}  // namespace lacuna
