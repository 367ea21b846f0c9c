#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/schedulers/scheduler_state.h"
#include "engine/session/pruning.h"

namespace lacuna {

/// Schedulers' states that a run goes on from: group i of each is of tensor `tensors[i]` of the checkpoint.
struct SavedSchedulers {
    std::vector<SchedulerState> states;  ///< in the recipe's order; none: the schedulers begin
    std::vector<size_t> tensors;
    std::string source;  ///< the file's name, for errors
};

/// The sparsity levels that a recipe's schedulers set before each step, as torch.ao.pruning's loop of
/// sparsifier.step(), scheduler.step() does: step i (from 0) is taken at epoch i, or at the i-th epoch after the one
/// that a saved state had come to. Targets of one of the recipe's groups that begin alike share a curve.
class LevelsByStep {
  public:
    /// `targets` come from `resolve(recipe, …)`. Of saved schedulers the base levels count, and those options that the
    /// recipe leaves out. Throws Error(recipe) if none of the targets has a sparsity level, and if a scheduler gives no
    /// finite level for a step; Error(argument) if the saved schedulers are others than the recipe's.
    LevelsByStep(std::span<const Target> targets, const Recipe& recipe, const SavedSchedulers& saved = {});
    ~LevelsByStep();
    LevelsByStep(LevelsByStep&&) noexcept;

    /// False without a schedule: every step is taken at the targets' own levels.
    bool scheduled() const { return chain_ != nullptr; }
    /// The level of a tensor at a step; nothing without a schedule, or where its sparsifier has no level.
    std::optional<double> at(int step, size_t tensor) const;
    /// Tensors of the same curve have the same level at every step; 0 without a schedule.
    size_t curve(size_t tensor) const;

    /// Steps the schedulers once more, as torch.ao.pruning's loop does after its last step, and says what they know
    /// then: a group for each of the targets, called by `names`; `last` of the last scheduler is the next step's level.
    /// To be called once. Throws Error(recipe) if a scheduler gives no finite level for the next step.
    std::vector<SchedulerState> finish(std::span<const std::string> names);

  private:
    struct Chain;
    std::unique_ptr<Chain> chain_;
    std::vector<std::vector<std::optional<double>>> steps_;  ///< by step and curve
};

/// Takes the recipe's steps at these levels. `stepped`, if given, is called after every step.
void take_steps(Pruning& pruning, int steps, const LevelsByStep& levels, Progress& progress,
                const std::function<void()>& stepped = {});

/// Takes the recipe's steps. `pruning` comes from `resolve(recipe, …)`. `stepped`, if given, is called after every
/// step. Throws Error(recipe) if nothing that the recipe prunes has a sparsity level; else what `Pruning::step` throws.
void take_steps(Pruning& pruning, const Recipe& recipe, Progress& progress, const std::function<void()>& stepped = {});

}  // namespace lacuna
