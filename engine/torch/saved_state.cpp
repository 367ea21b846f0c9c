#include "engine/torch/saved_state.h"

#include "engine/base/error.h"

namespace lacuna {
namespace {

constexpr const char* steps_key = "steps";
constexpr const char* enabled_key = "enable_mask_update";

}  // namespace

ModuleSparsifierState to_module_state(const SparsifierState& saved, const Sparsifier* unsaid) {
    ModuleSparsifierState state;
    for (const SavedGroup& one : saved.groups) {
        const auto [module_fqn, tensor_name] = split_tensor_fqn(one.tensor_fqn);
        SparsifyGroup group{one.tensor_fqn, module_fqn, tensor_name, saved_sparsifier(one), {}, {}};
        if (!group.sparsifier) group.sparsifier = unsaid;
        if (!group.sparsifier)
            throw Error(ErrorKind::argument, one.tensor_fqn, "its options do not tell which sparsifier made this state",
                        "say which");
        if (!one.mask)
            throw Error(ErrorKind::argument, one.tensor_fqn, "the state has no mask for it", "save it after prepare");
        group.options = group.sparsifier->complete({});
        const Options options = saved_options(one, *group.sparsifier, saved.source);
        for (const auto& [name, value] : options.values()) group.options.set(name, value);
        group.fake_sparsity.mask = one.mask;
        if (const PlainValue* enabled = one.config.find(enabled_key))
            group.fake_sparsity.enabled = enabled->integer != 0;
        state.groups.push_back(std::move(group));
    }
    if (const PlainValue* steps = saved.extras.find(steps_key)) state.steps = int(steps->integer);
    return state;
}

SparsifierState to_saved_state(const ModuleSparsifierState& state, DType mask_dtype) {
    SparsifierState saved;
    for (const SparsifyGroup& group : state.groups) {
        SavedGroup one;
        one.tensor_fqn = group.tensor_fqn;
        one.config = saved_config(group.sparsifier->name(), group.options);
        if (!group.fake_sparsity.enabled) one.config.set(enabled_key, PlainValue::of(false));
        one.mask = group.fake_sparsity.mask;
        one.mask_dtype = mask_dtype;
        saved.groups.push_back(std::move(one));
    }
    saved.extras.set(steps_key, PlainValue::of(int64_t(state.steps)));
    return saved;
}

}  // namespace lacuna
