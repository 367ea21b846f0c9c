#include "engine/session/mask_units.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/session/document_schedule.h"
#include "engine/sparsifiers/units.h"

namespace lacuna {
namespace {

bool takes_part(const TensorState& state) {
    return state.sparsifier && !state.frozen;
}

/// The options that units are told by: complete ones, so that a default written out makes no other unit, at the
/// level of the next step. Only rules that span tensors are asked.
Options unit_options(const TensorState& state) {
    if (!state.sparsifier->spans_tensors()) return {};
    try {
        return next_options(state);
    } catch (const Error&) {
        return state.options;  // they do not fit, which computing the mask will say
    }
}

/// What makes a unit one; no rule: the tensor is in no unit with others.
struct UnitKey {
    const Sparsifier* rule = nullptr;
    Options options;
    bool operator==(const UnitKey&) const = default;
};

UnitKey key_of(const TensorState& state) {
    if (!takes_part(state) || !state.sparsifier->spans_tensors()) return {};
    return {state.sparsifier, unit_options(state)};
}

}  // namespace

std::vector<std::vector<size_t>> units_of(std::span<const TensorStatePtr> tensors) {
    std::vector<size_t> taking_part;
    std::vector<Options> options;
    for (size_t i = 0; i < tensors.size(); ++i) {
        if (!takes_part(*tensors[i])) continue;
        taking_part.push_back(i);
        options.push_back(unit_options(*tensors[i]));
    }
    std::vector<RuleOf> rules;
    for (size_t i = 0; i < taking_part.size(); ++i) rules.push_back({tensors[taking_part[i]]->sparsifier, &options[i]});
    auto units = units_of(rules);
    for (auto& unit : units)
        for (size_t& member : unit) member = taking_part[member];
    return units;
}

std::vector<size_t> unit_of(std::span<const TensorStatePtr> tensors, size_t tensor) {
    if (tensor >= tensors.size() || !takes_part(*tensors[tensor])) return {};
    const UnitKey key = key_of(*tensors[tensor]);
    if (!key.rule) return {tensor};
    std::vector<size_t> unit;
    for (size_t i = 0; i < tensors.size(); ++i)
        if (key_of(*tensors[i]) == key) unit.push_back(i);
    return unit;
}

std::vector<size_t> outdated_mates(std::span<const TensorStatePtr> before, std::span<const TensorStatePtr> after) {
    std::vector<UnitKey> touched;
    for (size_t i = 0; i < after.size(); ++i) {
        if (after[i] == before[i]) continue;
        for (const TensorState* state : {before[i].get(), after[i].get()}) {
            UnitKey key = key_of(*state);
            if (key.rule && std::find(touched.begin(), touched.end(), key) == touched.end())
                touched.push_back(std::move(key));
        }
    }
    std::vector<size_t> outdated;
    if (touched.empty()) return outdated;
    for (size_t i = 0; i < after.size(); ++i) {
        if (after[i] != before[i]) continue;
        const UnitKey key = key_of(*after[i]);
        if (key.rule && std::find(touched.begin(), touched.end(), key) != touched.end()) outdated.push_back(i);
    }
    return outdated;
}

}  // namespace lacuna
