#include "engine/session/joint_units.h"

#include <algorithm>
#include <map>

#include "engine/sparsifiers/sparsity_level.h"
#include "engine/sparsifiers/units.h"

namespace lacuna {
namespace {

/// Targets that are in one unit at every step: they have the same rule, options and level curve.
std::vector<std::vector<size_t>> always_together(std::span<const Target> targets, const LevelsByStep& levels) {
    std::vector<std::vector<size_t>> classes;
    std::map<std::tuple<const Sparsifier*, size_t, decltype(Options().values())>, size_t> known;
    for (size_t i = 0; i < targets.size(); ++i) {
        const Target& target = targets[i];
        if (!target.sparsifier->spans_tensors()) continue;
        const auto [found, is_new] = known.try_emplace(
            {target.sparsifier, levels.curve(target.tensor), target.options.values()}, classes.size());
        if (is_new) classes.emplace_back();
        classes[found->second].push_back(i);
    }
    return classes;
}

using Units = std::vector<std::vector<size_t>>;

/// The units of targets, one for each class, at a step.
Units units_at(int step, std::span<const Target> targets, const LevelsByStep& levels) {
    std::vector<Options> options;
    for (const Target& target : targets) options.push_back(options_at(levels, step, target));
    std::vector<RuleOf> rules;
    for (size_t i = 0; i < targets.size(); ++i) rules.push_back({targets[i].sparsifier, &options[i]});
    return units_of(rules);
}

}  // namespace

std::vector<JointUnit> joint_units(std::span<const Target> targets, int steps, Ties ties, const LevelsByStep& levels) {
    const std::vector<std::vector<size_t>> classes = always_together(targets, levels);
    std::vector<Target> first;  // of each class
    for (const auto& members : classes) first.push_back(targets[members.front()]);
    const int distinct = levels.scheduled() ? steps : std::min(steps, 1);
    std::vector<Units> by_step;
    for (int step = 0; step < distinct; ++step) by_step.push_back(units_at(step, first, levels));
    std::vector<JointUnit> joint;
    for (const std::vector<size_t>& unit : by_step.empty() ? Units() : by_step.back()) {
        const auto has_unit = [&](const Units& units) {
            return std::find(units.begin(), units.end(), unit) != units.end();
        };
        if (!std::all_of(by_step.begin(), by_step.end(), has_unit)) continue;
        const Target& target = first[unit.front()];
        std::vector<double> course;
        for (int step = 0; step < distinct; ++step) course.push_back(levels.at(step, target.tensor).value_or(0));
        Options options = options_at(levels, distinct - 1, target);
        if (!target.sparsifier->has_cut(options, course, ties)) continue;
        joint.push_back({{}, std::move(options)});
        for (const size_t one : unit)
            joint.back().targets.insert(joint.back().targets.end(), classes[one].begin(), classes[one].end());
        std::sort(joint.back().targets.begin(), joint.back().targets.end());
    }
    return joint;
}

Options options_at(const LevelsByStep& levels, int step, const Target& target) {
    Options options = target.options;
    if (const auto level = levels.at(step, target.tensor))
        target.sparsifier->set_number(options, sparsity_level_option, *level);
    return options;
}

}  // namespace lacuna
