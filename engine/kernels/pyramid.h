#pragma once

#include <cstdint>

namespace lacuna::kernels {

/// Sums over cells of 2 × 2 neighbours, (columns + 1) / 2 of them; `bottom` is null under the last row of an odd
/// number. Of values that are not negative:
void add_quads(const float* top, const float* bottom, int64_t columns, float* sums);
/// Of magnitudes, NaN counting as 0:
void add_magnitude_quads(const float* top, const float* bottom, int64_t columns, float* sums);
/// Of the bits from `top` and `bottom` on, `bottom` −1 where there is none:
void add_bit_quads(const uint64_t* words, int64_t top, int64_t bottom, int64_t columns, float* sums);

/// Sums as bytes, min(255, round(sum · scale)). `strict`: above 0 is at least 1, below `full` at most 254.
void shade(const float* sums, int64_t count, float scale, bool strict, float full, uint8_t* bytes);

}  // namespace lacuna::kernels
