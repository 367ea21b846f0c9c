#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/progress.h"
#include "engine/mask/mask.h"

namespace lacuna {

/// Weights counted in equal bins over [low, high], symmetric about 0 so that a magnitude threshold cuts both sides
/// alike.
struct WeightBins {
    double low = 0, high = 0;
    std::vector<int64_t> all;                          ///< weights in each bin; the last bin takes `high` too
    int64_t not_finite = 0;                            ///< NaN and infinities, in no bin
    double min = 0, max = 0, mean = 0, deviation = 0;  ///< of the finite weights
};
/// One pass for the range, one for the counts. Floating tensors only.
WeightBins bin_weights(const TensorView& weight, int bins);
/// How many of the pruned weights fall into each of `bins`' bins.
std::vector<int64_t> bin_pruned(const TensorView& weight, const Mask& mask, const WeightBins& bins);
/// The same, from the counts under the mask `before`: only weights that the two masks treat differently are counted.
std::vector<int64_t> rebin_pruned(const TensorView& weight, const Mask& mask, const WeightBins& bins,
                                  const Mask& before, std::vector<int64_t> counts);

/// A matrix of bytes, one for a cell of 2^level × 2^level weights of the tensor's matrix (matrix_shape).
struct PyramidLevel {
    int64_t rows = 0, columns = 0;
    std::vector<uint8_t> cells;  ///< row-major
};

/// Coarser and coarser pictures of a matrix. levels[k] is level k + first_level; the last is at most 64 × 64.
/// Level 0 (a weight a cell) is not stored: the view reads mask and weight themselves.
struct Pyramid {
    int first_level = 1;
    std::vector<PyramidLevel> levels;
};
/// Kept fraction of each cell, 0…255; a cell with anything kept is at least 1, one with anything pruned at most 254.
Pyramid density_pyramid(const Mask& mask);
/// Mean |weight| of each cell on a scale where 255 is `full_scale` (larger values saturate); NaN counts as 0.
Pyramid magnitude_pyramid(const TensorView& weight, double full_scale);
/// A full scale that makes a picture readable: the 99.5th percentile of |weight|, estimated from at most 1e6 weights.
double magnitude_scale(const TensorView& weight);

}  // namespace lacuna
