#pragma once

#include <vector>

#include "engine/model/conversion.h"

namespace lacuna {

/// Every conversion that a file of this folder defines by `const Conversion& NAME_conversion();`, in no given order.
/// CMake reads the files and writes this function's body into the build folder.
std::vector<const Conversion*> listed_conversions();

}  // namespace lacuna
