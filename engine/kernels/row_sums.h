#pragma once

#include <cstdint>

#include "engine/kernels/keys.h"

namespace lacuna::kernels {

/// Adds the scores of `rows` rows of `count` keys, each `stride` behind the last, to sums[row]: in double, one after
/// the other in their order. Rows go side by side, because each addition waits for the one before it.
void add_scores(const Key32* keys, int64_t rows, int64_t stride, int64_t count, double* sums);
void add_scores(const Key64* keys, int64_t rows, int64_t stride, int64_t count, double* sums);

}  // namespace lacuna::kernels
