#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// How far two rows, given as their weights, lie apart; not negative. Called from several threads at once.
using RowDistance = std::function<double(std::span<const double>, std::span<const double>)>;

/// The sparsifier `fpgm` with a distance of its own in place of the option `dist`.
std::unique_ptr<const Sparsifier> make_fpgm(RowDistance distance);

/// Σ_j distance(row i, row j) for every row i of `weight`, which has two or more dimensions. Throws Cancelled soon
/// after `progress` (null: never) was cancelled.
std::vector<double> row_distances(const TensorView& weight, const RowDistance& distance,
                                  const Progress* progress = nullptr);
/// The same for the Minkowski distance of order 1 (Σ|a − b|) or 2 (√Σ(a − b)²), in double. Throws Error(argument) for
/// another order.
std::vector<double> row_distances(const TensorView& weight, int order, const Progress* progress = nullptr);

}  // namespace lacuna
