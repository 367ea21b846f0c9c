#include "ui/shell/selection_values.h"

#include "engine/base/error.h"
#include "engine/session/document_schedule.h"

namespace lacuna::ui {
namespace {

/// Options that do not go together have no completion; then what was given is shown.
template <class Rule>
Options completed(const Rule& rule, const Options& given) {
    try {
        return rule.complete(given);
    } catch (const Error&) {
        return given;
    }
}

std::optional<OptionValue> value_of(const Options& options, const OptionSpec& spec) {
    const auto found = options.values().find(spec.name);
    return found == options.values().end() ? spec.default_value : std::optional(found->second);
}

}  // namespace

SelectionValues::SelectionValues(const Sparsifier& rule, const std::vector<TensorStatePtr>& states) {
    sum_up(rule, states, [](const TensorState& state) -> const Options& { return state.options; });
}

SelectionValues::SelectionValues(const Schedule& rule, size_t scheduler, const std::vector<TensorStatePtr>& states) {
    sum_up(rule, states,
           [&](const TensorState& state) -> const Options& { return schedule_options(state, scheduler); });
}

template <class Rule, class Given>
void SelectionValues::sum_up(const Rule& rule, const std::vector<TensorStatePtr>& states, Given&& given) {
    const Options* last = nullptr;
    bool first = true;
    for (const TensorStatePtr& state : states) {
        const Options& options = given(*state);
        if (last && options == *last) continue;  // most neighbours have equal options
        last = &options;
        const Options all = completed(rule, options);
        for (const OptionSpec& spec : rule.options()) {
            OptionEditor::State& sum = states_[spec.name];
            const auto value = value_of(all, spec);
            if (first)
                sum.value = value;
            else if (sum.value != value)
                sum.value.reset();
            sum.given |= options.has(spec.name);
        }
        first = false;
    }
}

OptionEditor::State SelectionValues::of(const std::string& option) const {
    const auto found = states_.find(option);
    return found == states_.end() ? OptionEditor::State{} : found->second;
}

std::string remark_of(const TensorState& state, const Shape& shape) {
    try {
        return state.sparsifier->remark(state.sparsifier->complete(state.options), shape);
    } catch (const Error&) {
        return {};
    }
}

BlockShape block_of(const TensorState& state) {
    static const std::string name = "sparse_block_shape";
    if (!state.sparsifier || !state.sparsifier->find_option(name)) return {};
    const Options options = completed(*state.sparsifier, state.options);
    if (!options.has(name) || options.block(name).size() != 2) return {};
    return {options.block(name)[0], options.block(name)[1]};
}

}  // namespace lacuna::ui
