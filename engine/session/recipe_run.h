#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "engine/session/pruning.h"

namespace lacuna {

/// The sparsity levels that a recipe's schedule sets before each step, as torch.ao.pruning's loop of sparsifier.step(),
/// scheduler.step() does: step i (from 0) is taken at epoch i. Targets of one of the recipe's groups that begin at one
/// level share a curve.
class LevelsByStep {
  public:
    /// `targets` come from `resolve(recipe, …)`. Throws Error(recipe) if none of them has a sparsity level, and if
    /// the schedule gives no finite level for a step.
    LevelsByStep(std::span<const Target> targets, const Recipe& recipe);

    /// False without a schedule: every step is taken at the targets' own levels.
    bool scheduled() const { return !steps_.empty(); }
    /// The level of a tensor at a step; nothing without a schedule, or where its sparsifier has no level.
    std::optional<double> at(int step, size_t tensor) const;

  private:
    std::unordered_map<size_t, size_t> curve_of_;  // by tensor
    std::vector<std::vector<std::optional<double>>> steps_;
};

/// Takes the recipe's steps at these levels. `stepped`, if given, is called after every step.
void take_steps(Pruning& pruning, int steps, const LevelsByStep& levels, Progress& progress,
                const std::function<void()>& stepped = {});

/// Takes the recipe's steps. `pruning` comes from `resolve(recipe, …)`. `stepped`, if given, is called after every
/// step. Throws Error(recipe) if nothing that the recipe prunes has a sparsity level; else what `Pruning::step` throws.
void take_steps(Pruning& pruning, const Recipe& recipe, Progress& progress, const std::function<void()>& stepped = {});

}  // namespace lacuna
