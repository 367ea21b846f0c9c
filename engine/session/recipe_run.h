#pragma once

#include <functional>

#include "engine/session/pruning.h"

namespace lacuna {

/// Takes the recipe's steps. With a schedule, step i (from 0) is taken at epoch i: the scheduler sets every group's
/// sparsity level before it, as torch.ao.pruning's loop of sparsifier.step(), scheduler.step() does. `pruning` comes
/// from `resolve(recipe, …)`. `stepped`, if given, is called after every step. Throws Error(recipe) if nothing that the
/// recipe prunes has a sparsity level; else what `Pruning::step` throws.
void take_steps(Pruning& pruning, const Recipe& recipe, Progress& progress, const std::function<void()>& stepped = {});

}  // namespace lacuna
