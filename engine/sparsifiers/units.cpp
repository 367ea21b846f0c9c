#include "engine/sparsifiers/units.h"

#include <map>

namespace lacuna {

std::vector<std::vector<size_t>> units_of(std::span<const RuleOf> tensors) {
    std::vector<std::vector<size_t>> units;
    std::map<std::pair<const Sparsifier*, decltype(Options().values())>, size_t> known;
    for (size_t i = 0; i < tensors.size(); ++i) {
        const auto& [rule, options] = tensors[i];
        size_t unit = units.size();
        if (rule->spans_tensors()) unit = known.try_emplace({rule, options->values()}, unit).first->second;
        if (unit == units.size()) units.emplace_back();
        units[unit].push_back(i);
    }
    return units;
}

}  // namespace lacuna
