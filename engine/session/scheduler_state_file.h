#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "engine/base/progress.h"
#include "engine/formats/plain_value.h"
#include "engine/schedulers/scheduler_state.h"

namespace lacuna {

/// What the state_dict() of a CubicSL says, or of a LambdaSL without its functions, which no file can hold: then the
/// formula is the default one, unless the state was written here. Python knows groups by their place alone: `groups`
/// names them, in the sparsifier's order. `where` names the file in errors. Throws Error(format) for another scheduler
/// or number of groups.
SchedulerState scheduler_state_from(const PlainValue& state, std::span<const std::string> groups,
                                    const std::string& where);
/// The same as Python's load_state_dict() takes it, with the scheduler's name and options of ours beside it.
PlainValue plain_value(const SchedulerState& state);

/// Reads such a state that torch.save wrote, in Python or here. Throws Error(file), and as above.
SchedulerState read_scheduler_state(const std::filesystem::path& path, std::span<const std::string> groups);
/// Writes it. Renamed into place. Throws Error(argument) for groups that have no value, which Python's schedulers need;
/// Error(file).
void write_scheduler_state(const SchedulerState& state, const std::filesystem::path& path, Progress& progress);

}  // namespace lacuna
