#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "engine/sparsifiers/block_device.h"
#include "engine/sparsifiers/inner_last.h"
#include "engine/sparsifiers/options.h"
#include "engine/sparsifiers/scores.h"

namespace lacuna {

/// The option `sparse_block_shape`.
BlockShape block_of(const Options& options);
/// No block larger than the matrix: it prunes the same weights, and needs no room for what is not there.
BlockShape fitted(BlockShape block, MatrixShape matrix);

/// A weight where a rule over a matrix can run over it, copied only if that cannot be done in place.
class Arranged {
  public:
    /// Weights that `current` prunes score 0; null: all score as they are. `along_inner`: three or more dimensions are
    /// seen with I last, for N:M patterns.
    Arranged(const TensorView& weight, const Mask* current, bool along_inner);

    const Shape& shape() const { return weight_.shape; }
    const TensorView& view() const { return weight_; }
    MatrixShape matrix() const { return inner_last_ ? inner_last_->matrix() : matrix_shape(weight_.shape); }
    /// `factors`, if given, are of `matrix()` and must outlive the scores.
    Scores scores(bool squared, const ScoreFactors* factors = nullptr) const {
        return Scores(weight_, squared, current_ ? &*current_ : nullptr, factors);
    }
    /// A mask of the weight's own shape in this order.
    Mask arranged(const Mask& mask) const { return inner_last_ ? inner_last_->arranged(mask) : mask; }
    /// A mask in this order as one of the weight's own shape.
    Mask restored(Mask mask) const { return inner_last_ ? inner_last_->restored(mask) : mask; }

  private:
    TensorView weight_;
    std::optional<Mask> current_;
    std::optional<InnerLast> inner_last_;
    std::vector<std::byte> copy_;
};

/// The rule's mask for a tensor of any rank and stride, of its own shape; the block may be larger than the tensor. For
/// `current` see Arranged; `squared`: the score is w², not |w|. Floating dtypes only.
Mask prune_tensor(const TensorView& weight, const Mask* current, bool squared, BlockRule rule);
/// The same, on `device` if there is one and it takes the rule.
Mask prune_tensor(const TensorView& weight, const Mask* current, bool squared, const BlockRule& rule,
                  BlockDevice* device);
/// What to know of a pattern that prunes `zeros` of every `block` weights of a row of that many: short rows and a rest
/// at their end lose as many of fewer. Empty if all groups are whole.
std::string short_group_remark(const Shape& shape, int64_t block, int64_t zeros);
/// Whether the rule runs along a convolution's input channels: N:M patterns do.
bool runs_along_inner(const BlockRule& rule);

}  // namespace lacuna
