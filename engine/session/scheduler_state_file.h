#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "engine/base/progress.h"
#include "engine/schedulers/scheduler_state.h"

namespace lacuna {

/// Reads the state_dict() of a CubicSL that torch.save wrote, in Python or here (other schedulers hold functions, which
/// no file can). Python knows groups by their place alone: `groups` names them, in the sparsifier's order. Throws
/// Error(file), and Error(format) for another scheduler or number of groups.
SchedulerState read_scheduler_state(const std::filesystem::path& path, std::span<const std::string> groups);
/// Writes the state of a cubic schedule for CubicSL's load_state_dict(). Renamed into place. Throws Error(argument) for
/// another schedule, and for groups that have no value; Error(file).
void write_scheduler_state(const SchedulerState& state, const std::filesystem::path& path, Progress& progress);

}  // namespace lacuna
