#include "engine/session/sparsifier_state.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/formats/saved_mask.h"
#include "engine/session/plain_options.h"
#include "engine/session/saved_names.h"

namespace lacuna {
namespace {

using Kind = PlainValue::Kind;

constexpr const char* sparsifier_key = "sparsifier";

/// Options that tell Python's sparsifiers apart.
struct Signature {
    std::string_view option, sparsifier;
};
constexpr std::array signatures{Signature{"nearliness", "nearly_diagonal"},
                                Signature{"semi_structured_block_size", "wanda"},
                                Signature{"sparse_block_shape", "weight_norm"}};

const Sparsifier* registered(std::string_view name) {
    for (const Sparsifier* one : sparsifiers())
        if (one->name() == name) return one;
    return nullptr;
}

/// Python computes with masks in the weight's type where it can.
DType mask_dtype_for(DType weight) {
    const bool same = weight == DType::F64 || weight == DType::F16 || weight == DType::BF16;
    return same ? weight : DType::F32;
}

[[noreturn]] void unfit(const SavedGroup& group, const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::argument, group.tensor_fqn, what, hint);
}

/// The tensor a saved group speaks of. Throws Error(argument) if there is none or its mask does not fit.
size_t tensor_of(const SavedGroup& group, const Checkpoint& checkpoint, SavedNames& names) {
    const auto tensor = names.find(group.tensor_fqn);
    if (!tensor)
        unfit(group, "the state has a mask for it, but the model has no such tensor",
              "give the state of this model's sparsifier");
    const Shape& shape = checkpoint.tensors()[*tensor].shape;
    const bool rows = group.mask && shape.size() > 1 && group.mask->shape() == Shape{shape[0]};  // structured pruners'
    if (group.mask && !rows && group.mask->shape() != shape)
        unfit(group,
              "the state's mask has shape " + to_string(group.mask->shape()) + ", the tensor " + to_string(shape),
              "give the state of this model's sparsifier");
    return *tensor;
}

std::unordered_map<size_t, const SavedGroup*> by_tensor(const SparsifierState& state, const Checkpoint& checkpoint) {
    const std::vector<size_t> tensors = saved_tensors(state, checkpoint);
    std::unordered_map<size_t, const SavedGroup*> groups;
    for (size_t i = 0; i < tensors.size(); ++i) groups.emplace(tensors[i], &state.groups[i]);
    return groups;
}

/// Python has a sparsifier for layers or for data, but none for both.
void as_data(SparsifierState& state, const Pruning& pruning) {
    const auto data = std::count_if(pruning.groups().begin(), pruning.groups().end(), [](const Pruning::Group& group) {
        return group.target.sparsifier->name() == data_sparsifier;
    });
    if (data == 0) return;
    if (size_t(data) < pruning.groups().size()) {
        state.notes.push_back(
            "PyTorch has no sparsifier for data_norm and other rules together: this is for Lacuna alone");
        return;
    }
    state.data = pruning.checkpoint_ptr();
    for (SavedGroup& group : state.groups) group.tensor_fqn = data_name(group.tensor_fqn);
    const std::vector<size_t> found = saved_tensors(state, *state.data);
    for (size_t i = 0; i < found.size(); ++i)
        if (found[i] != pruning.groups()[i].target.tensor)
            unfit(state.groups[i],
                  "is what a data sparsifier calls " + pruning.groups()[i].fqn + ", and another tensor's name",
                  "rename one of the two");
}

}  // namespace

std::vector<size_t> saved_tensors(const SparsifierState& state, const Checkpoint& checkpoint) {
    std::vector<size_t> tensors;
    std::unordered_set<size_t> seen;
    SavedNames names(checkpoint);
    for (const SavedGroup& group : state.groups) {
        tensors.push_back(tensor_of(group, checkpoint, names));
        if (!seen.insert(tensors.back()).second)
            unfit(group, "the state has two masks for this tensor", "give a state with one");
    }
    return tensors;
}

const SavedGroup* SparsifierState::find(std::string_view tensor_fqn) const {
    const auto found = std::find_if(groups.begin(), groups.end(),
                                    [&](const SavedGroup& group) { return group.tensor_fqn == tensor_fqn; });
    return found == groups.end() ? nullptr : &*found;
}

const Sparsifier* saved_sparsifier(const SavedGroup& group) {
    if (const PlainValue* name = group.config.find(sparsifier_key)) return registered(name->text);
    for (const Signature& signature : signatures)
        if (group.config.find(signature.option)) return registered(signature.sparsifier);
    return nullptr;
}

Options saved_options(const SavedGroup& group, const Sparsifier& rule, const std::string& where) {
    Options options;
    for (const OptionSpec& spec : rule.options()) {
        const PlainValue* saved = group.config.find(spec.name);
        if (!saved || saved->kind == Kind::none) continue;
        const auto refuse = [&](const std::string& what) {
            throw Error(ErrorKind::format, where, group.tensor_fqn + ": " + spec.name + " " + what,
                        "save the sparsifier's state again");
        };
        const auto value = option_value(*saved);
        if (!value) refuse("is no value of an option");
        try {
            options.set(spec.name, checked(without_range(spec), *value));
        } catch (const Error& error) {
            refuse(error.problem());
        }
    }
    return options;
}

PlainValue saved_config(std::string_view sparsifier, const Options& options) {
    PlainValue config = PlainValue::dict();
    for (const auto& [name, value] : options.values()) config.set(name, plain_option(value));
    config.set(sparsifier_key, PlainValue::of(std::string(sparsifier)));
    return config;
}

SparsifierState state_of(const Pruning& pruning, const SparsifierState* before) {
    SparsifierState state;
    const Checkpoint& checkpoint = pruning.checkpoint();
    std::unordered_map<size_t, const SavedGroup*> known;
    if (before) {
        state.extras = before->extras;
        known = by_tensor(*before, checkpoint);
    }
    for (const Pruning::Group& group : pruning.groups()) {
        SavedGroup saved;
        saved.tensor_fqn = checkpoint.plain_name(group.target.tensor);
        saved.mask_dtype = mask_dtype_for(checkpoint.tensors()[group.target.tensor].dtype);
        if (const auto old = known.find(group.target.tensor); old != known.end()) {
            saved = *old->second;
            if (saved_sparsifier(saved) && saved_sparsifier(saved) != group.target.sparsifier)
                saved.config = PlainValue::dict();  // the options of another rule
        }
        const PlainValue config = saved_config(group.target.sparsifier->name(), group.target.options);
        for (size_t i = 0; i < config.keys.size(); ++i) saved.config.set(config.keys[i], config.items[i]);
        const MaskPtr& mask = group.fake_sparsity.mask;
        saved.mask = saved.mask ? in_saved_shape(mask, saved.mask->shape()) : mask;
        state.groups.push_back(std::move(saved));
    }
    as_data(state, pruning);
    return state;
}

std::vector<Target> targets_from(const SparsifierState& state, const Recipe& recipe, const Checkpoint& checkpoint,
                                 std::vector<Target> targets) {
    auto saved = by_tensor(state, checkpoint);
    for (Target& target : targets) {
        const auto group = saved.find(target.tensor);
        if (group == saved.end()) continue;
        if (saved_sparsifier(*group->second) == target.sparsifier) {
            Options options = saved_options(*group->second, *target.sparsifier, state.source);
            for (const auto& [name, value] : target.options.values())
                if (!options.has(name) || recipe.groups[target.group].options.has(name)) options.set(name, value);
            target.options = std::move(options);
            target.sparsifier->check(target.options, &checkpoint.tensors()[target.tensor].shape);
        }
        saved.erase(group);
    }
    for (const SavedGroup& group : state.groups)  // in order, so that the same one is named every time
        for (const auto& [tensor, left] : saved)
            if (left == &group)
                unfit(group, "the state has a mask for it, but the recipe does not name it",
                      "name it in the recipe too: its mask would be lost");
    return targets;
}

void take_masks(Pruning& pruning, const SparsifierState& state) {
    MaskSet masks;
    for (const auto& [tensor, group] : by_tensor(state, pruning.checkpoint()))
        if (group->mask) {
            const TensorInfo& info = pruning.checkpoint().tensors()[tensor];
            masks.emplace(info.name, in_tensor_shape(group->mask, info.shape));
        }
    pruning.set_masks(masks);
}

}  // namespace lacuna
