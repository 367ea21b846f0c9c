#pragma once

#include <vector>

#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// What the structured sparsifiers have in common: they keep or prune whole rows, shape[0] of them: a linear layer's
/// output features, a convolution's filters. Masks have the tensor's whole shape (docs/parity.md, structured pruners).
class RowSparsifier : public Sparsifier {
  public:
    std::string why_not(const Shape& shape, DType dtype) const override;
    void check(const Options& options, const Shape* shape) const override;

  protected:
    static OptionSpec level_option(std::string help);
    /// Throws Error(argument) for a tensor that cannot be pruned.
    void demand_fit(const MaskRequest& request) const;
};

/// Which rows: 1 is a pruned one.
using RowFlags = std::vector<uint8_t>;

/// Σ|w| of every row, in double; weights that `mask` prunes count 0 (null: none).
std::vector<double> row_magnitudes(const TensorView& weight, const Mask* mask);
/// Adds a 1 for each of the `k` lowest of scores[begin, end) to `pruned`, NaN last. Scores are not negative.
void flag_lowest(const std::vector<double>& scores, size_t begin, size_t end, int64_t k, Ties ties, RowFlags& pruned);
/// ⌊level · rows⌋, as torch.ao.pruning's saliency pruners count; never outside 0…rows.
int64_t rows_truncated(double level, int64_t rows);
/// Adds a 1 for every row that `mask` prunes wholly.
void flag_pruned_rows(const Mask& mask, RowFlags& pruned);
/// The mask of `shape` without the flagged rows.
Mask mask_without_rows(const Shape& shape, const RowFlags& pruned);

}  // namespace lacuna
