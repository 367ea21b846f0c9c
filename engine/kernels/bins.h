#pragma once

#include <cstdint>

namespace lacuna::kernels {

/// What is added up of some values: the finite ones' number, sum and range.
struct Range {
    int64_t finite = 0;
    double sum = 0, min = 0, max = 0;  ///< min and max only where finite > 0
};

/// Sums run in eight lanes that are added at the end: the same result on every machine.
Range range_of(const double* values, int64_t count);
/// Σ (value − mean)² over the finite values, in the same eight lanes.
double squares_about(const double* values, int64_t count, double mean);

/// bins[i] = the bin of values[i]: ⌊(value − low) · scale⌋, kept within 0…last; `last` + 1 for what is not finite.
void find_bins(const double* values, int64_t count, double low, double scale, int32_t last, int32_t* bins);

}  // namespace lacuna::kernels
