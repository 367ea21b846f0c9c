#include "engine/session/recipe_run.h"

#include <map>

#include "engine/schedulers/scheduler.h"
#include "engine/session/recipe_error.h"

namespace lacuna {
namespace {

const std::string level_option = "sparsity_level";

std::optional<double> level_of(const Target& target) {
    return target.sparsifier->number(target.options, level_option);
}

/// The sparsity levels of targets that stand for all on their curve, for a scheduler.
class ScheduledLevels final : public Scheduled {
  public:
    explicit ScheduledLevels(std::vector<Target> targets) : targets_(std::move(targets)) {
        for (const Target& target : targets_) levels_.push_back(level_of(target));
    }

    const std::string& option() const override { return level_option; }
    size_t groups() const override { return targets_.size(); }
    std::string group_name(size_t group) const override { return std::to_string(group); }
    std::optional<double> value(size_t group) const override { return levels_[group]; }
    void set_values(std::span<const std::optional<double>> values) override {
        for (size_t i = 0; i < values.size(); ++i)
            if (values[i]) targets_[i].sparsifier->set_number(targets_[i].options, level_option, *values[i]);
        for (size_t i = 0; i < values.size(); ++i)
            if (values[i]) levels_[i] = values[i];
    }
    int64_t steps_taken() const override { return 0; }

    const std::vector<Target>& targets() const { return targets_; }
    const std::vector<std::optional<double>>& levels() const { return levels_; }

  private:
    std::vector<Target> targets_;
    std::vector<std::optional<double>> levels_;
};

void start(std::optional<Scheduler>& scheduler, ScheduledLevels& driven, const Recipe& recipe) {
    SchedulerSettings settings;
    settings.options = recipe.schedule->options;
    if (settings.options.size() > 1) {
        settings.options.clear();
        for (const Target& target : driven.targets())
            settings.options.push_back(recipe.schedule->options.at(target.group));
    }
    scheduler.emplace(driven, schedule(recipe.schedule->scheduler), std::move(settings));
}

std::vector<Target> targets_of(const Pruning& pruning) {
    std::vector<Target> targets;
    for (const Pruning::Group& group : pruning.groups()) targets.push_back(group.target);
    return targets;
}

}  // namespace

LevelsByStep::LevelsByStep(std::span<const Target> targets, const Recipe& recipe) {
    if (!recipe.schedule) return;
    std::vector<Target> curves;
    std::map<std::pair<size_t, std::optional<double>>, size_t> known;
    for (const Target& target : targets) {
        const auto [curve, is_new] = known.emplace(std::pair(target.group, level_of(target)), curves.size());
        if (is_new) curves.push_back(target);
        curve_of_[target.tensor] = curve->second;
    }
    ScheduledLevels levels(std::move(curves));
    std::optional<Scheduler> scheduler;
    try {
        start(scheduler, levels, recipe);
        for (int step = 0; step < recipe.steps; ++step) {
            if (step > 0) scheduler->step();
            steps_.push_back(levels.levels());
        }
    } catch (const Error& error) {
        recipe_error(recipe.source, recipe.schedule->place, "schedule", error.problem(), error.hint());
    }
}

std::optional<double> LevelsByStep::at(int step, size_t tensor) const {
    if (steps_.empty()) return std::nullopt;
    return steps_[size_t(step)][curve_of_.at(tensor)];
}

void take_steps(Pruning& pruning, int steps, const LevelsByStep& levels, Progress& progress,
                const std::function<void()>& stepped) {
    std::vector<std::optional<double>> by_tensor(pruning.groups().size());
    for (int step = 0; step < steps; ++step) {
        if (levels.scheduled()) {
            for (size_t i = 0; i < by_tensor.size(); ++i)
                by_tensor[i] = levels.at(step, pruning.groups()[i].target.tensor);
            pruning.set_option(level_option, by_tensor);
        }
        pruning.step(progress);
        if (stepped) stepped();
    }
}

void take_steps(Pruning& pruning, const Recipe& recipe, Progress& progress, const std::function<void()>& stepped) {
    take_steps(pruning, recipe.steps, LevelsByStep(targets_of(pruning), recipe), progress, stepped);
}

}  // namespace lacuna
