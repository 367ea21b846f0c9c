#pragma once

#include "engine/session/recipe_run.h"
#include "engine/session/sparsifier_state.h"

namespace lacuna {

/// The schedulers' states that a sparsifier's state holds under "schedulers", a list of state_dict()s: ours are written
/// so, and Python's may be. None where there is no such list. Throws Error(format), and Error(argument) for a tensor
/// that the checkpoint lacks.
SavedSchedulers saved_schedulers(const SparsifierState& state, const Checkpoint& checkpoint);

/// The state of a pruning under a recipe's schedulers once the steps of `levels` are taken: with the level of the next
/// step, and the schedulers' states beside it. `before` as for `state_of`. Steps the schedulers: to be called once.
SparsifierState state_after(Pruning& pruning, LevelsByStep& levels, const SparsifierState* before = nullptr);

}  // namespace lacuna
