#pragma once

#include <vector>

#include "engine/session/recipe_run.h"

namespace lacuna {

/// Tensors whose masks come from one cut that they share (Sparsifier::find_cut), over all steps of a run.
struct JointUnit {
    std::vector<size_t> targets;  ///< by their places among the run's targets
    Options options;              ///< at the last step
};

/// The units of a run that have a cut: those of rules that span tensors, if they are the same at every step.
std::vector<JointUnit> joint_units(std::span<const Target> targets, int steps, Ties ties, const LevelsByStep& levels);

/// A target's options at a step.
Options options_at(const LevelsByStep& levels, int step, const Target& target);

}  // namespace lacuna
