#pragma once

#include <vector>

#include "engine/schedulers/schedule.h"

namespace lacuna {

/// Every schedule that a file of this folder defines by `const Schedule& NAME_schedule();`, in no given order. CMake
/// reads the files and writes this function's body into the build folder.
std::vector<const Schedule*> listed_schedules();

}  // namespace lacuna
