#pragma once

#include <cstddef>
#include <vector>

#include "engine/mask/mask.h"

namespace lacuna {

/// The mask as a tensor of 1 and 0 of that dtype, row-major, as Python keeps masks. Floating types but float8, integers
/// and BOOL; throws Error(argument) for the others.
std::vector<std::byte> mask_values(const Mask& mask, DType dtype);

}  // namespace lacuna
