#include "engine/session/recipe_run.h"

#include "engine/schedulers/scheduler.h"
#include "engine/session/recipe_error.h"
#include "engine/session/scheduled_pruning.h"

namespace lacuna {
namespace {

/// The schedule's options for each of the pruning's groups, which are tensors, from those of the recipe's groups.
std::vector<Options> options_by_tensor(const Pruning& pruning, const std::vector<Options>& by_group) {
    if (by_group.size() <= 1) return by_group;
    std::vector<Options> all;
    for (const auto& group : pruning.groups()) all.push_back(by_group.at(group.target.group));
    return all;
}

void start(std::optional<Scheduler>& scheduler, Scheduled& driven, const Pruning& pruning, const Recipe& recipe) {
    SchedulerSettings settings;
    settings.options = options_by_tensor(pruning, recipe.schedule->options);
    try {
        scheduler.emplace(driven, schedule(recipe.schedule->scheduler), std::move(settings));
    } catch (const Error& error) {
        recipe_error(recipe.source, recipe.schedule->place, "schedule", error.problem(), error.hint());
    }
}

}  // namespace

void take_steps(Pruning& pruning, const Recipe& recipe, Progress& progress, const std::function<void()>& stepped) {
    ScheduledPruning levels(pruning);
    std::optional<Scheduler> scheduler;
    if (recipe.schedule) start(scheduler, levels, pruning, recipe);
    for (int step = 0; step < recipe.steps; ++step) {
        if (step > 0 && scheduler) scheduler->step();
        pruning.step(progress);
        if (stepped) stepped();
    }
}

}  // namespace lacuna
