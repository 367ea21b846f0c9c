#pragma once

#include <cstdint>

namespace lacuna::kernels {

/// sums[i] = Σ |a − b|, or Σ (a − b)² if `squared`, over the columns of `row` and of row i of the `count` rows that lie
/// behind one another from `others` on. In double, in eight lanes that are added at the end: the same result on every
/// machine, whichever of two rows comes first.
void add_differences(const float* row, const float* others, int64_t count, int64_t columns, bool squared, double* sums);
void add_differences(const double* row, const double* others, int64_t count, int64_t columns, bool squared,
                     double* sums);

}  // namespace lacuna::kernels
