#pragma once

#include <cstdint>

#include "engine/kernels/keys.h"

namespace lacuna::kernels {

/// Adds one row's keys, as scores, to the sums of the blocks of `width` columns that it crosses, in column order:
/// called row by row this is the sequential row-major sum within each block (docs/parity.md). The last block may be
/// narrower.
void add_row(const Key32* keys, int64_t columns, int64_t width, float* sums);
void add_row(const Key64* keys, int64_t columns, int64_t width, double* sums);

/// Keys of the blocks' means: each sum divided once by its real number of weights.
void mean_keys(const float* sums, int64_t rows, int64_t columns, int64_t width, Key32* keys);
void mean_keys(const double* sums, int64_t rows, int64_t columns, int64_t width, Key64* keys);

}  // namespace lacuna::kernels
