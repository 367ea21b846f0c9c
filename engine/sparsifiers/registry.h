#pragma once

#include <vector>

#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// Every sparsifier that a file of this folder defines by `const Sparsifier& NAME_sparsifier();`, in no given order.
/// CMake reads the files and writes this function's body into the build folder.
std::vector<const Sparsifier*> listed_sparsifiers();

}  // namespace lacuna
