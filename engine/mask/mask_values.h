#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/mask/mask.h"

namespace lacuna {

/// Whether a mask can be written in that dtype: floating types but float8, integers and BOOL.
bool can_hold_mask(DType dtype);

/// The mask as a tensor of 1 and 0 of that dtype, row-major, as Python keeps masks. Throws Error(argument) for types
/// that cannot hold it.
std::vector<std::byte> mask_values(const Mask& mask, DType dtype);
/// Elements of that tensor from `first` on, as many as `out` has room for.
void write_mask_values(const Mask& mask, DType dtype, int64_t first, std::span<std::byte> out);

}  // namespace lacuna
