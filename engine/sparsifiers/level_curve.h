#pragma once

#include "engine/kernels/joint_select.h"
#include "engine/sparsifiers/scores.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// The magnitudes that cut off each share of the blocks, at 1025 levels, through one histogram of the block scores:
/// right to about a 200th of the value. Scores that are not finite count as the largest finite one. `squared`: scores
/// are squares.
template <typename Key>
ThresholdCurve level_curve(const Scores& scores, MatrixShape matrix, BlockShape block, bool squared);
/// The same for keys of several tensors together.
template <typename Key>
ThresholdCurve level_curve(std::span<const kernels::KeyRun<Key>> runs, bool squared);

}  // namespace lacuna
