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

Scheduler scheduler_of(Scheduled& driven, const Pruning& pruning, const Recipe& recipe) {
    SchedulerSettings settings;
    settings.options = options_by_tensor(pruning, recipe.schedule->options);
    try {
        return Scheduler(driven, schedule(recipe.schedule->scheduler), std::move(settings));
    } catch (const Error& error) {
        recipe_error(recipe.source, recipe.schedule->place, "schedule", error.problem(), error.hint());
    }
}

}  // namespace

void take_steps(Pruning& pruning, const Recipe& recipe, Progress& progress) {
    if (!recipe.schedule) {
        for (int step = 0; step < recipe.steps; ++step) pruning.step(progress);
        return;
    }
    ScheduledPruning levels(pruning);
    Scheduler scheduler = scheduler_of(levels, pruning, recipe);
    for (int step = 0; step < recipe.steps; ++step) {
        if (step > 0) scheduler.step();
        pruning.step(progress);
    }
}

}  // namespace lacuna
