#pragma once

#include <string>
#include <vector>

#include "engine/session/session.h"

namespace lacuna::ui {

/// The levels of tensors that share rule, options and curve.
struct ScheduleCurve {
    std::string name;              ///< "fc1.weight", "fc1.weight and 3 more"
    double target = 0;             ///< their own sparsity level
    std::vector<double> levels;    ///< the schedule's, step by step
    std::vector<double> measured;  ///< the share of zeros in their masks after each step taken; NaN: not known
};

/// A schedule as it is drawn, out of a snapshot.
struct SchedulePlot {
    bool scheduled = false;
    int steps = 0, taken = 0;
    std::vector<ScheduleCurve> curves;
    size_t left_out = 0;  ///< groups beyond those that can be told apart
};

SchedulePlot schedule_plot(const Snapshot& snapshot);

/// "fc1.weight and 3 more"
std::string group_name(const Snapshot& snapshot, const std::vector<size_t>& tensors);
/// The tensors whose level a schedule can move.
std::vector<size_t> tensors_with_level(const Snapshot& snapshot);
bool can_be_scheduled(const Snapshot& snapshot);  ///< whether there is any

}  // namespace lacuna::ui
