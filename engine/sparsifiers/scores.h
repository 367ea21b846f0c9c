#pragma once

#include "engine/kernels/keys.h"
#include "engine/kernels/radix_select.h"
#include "engine/mask/mask.h"

namespace lacuna {

/// What scores are multiplied by: weight (r, c) of the matrix by values[r / rows · columns + c].
struct ScoreFactors {
    std::vector<double> values;  ///< none negative; rounded to float32 where scores are
    int64_t columns = 0;         ///< of the matrix
    int64_t rows = 1;            ///< that share their factors
};

/// The scores of a tensor's weights as keys (kernels/keys.h): |w| or w² rounded to float32, for F64 to double. Nothing
/// is stored: they are computed from the weights whenever somebody reads them.
class Scores {
  public:
    /// `weight` is contiguous. Weights that `mask` prunes score 0; null: none. All must outlive this.
    Scores(const TensorView& weight, bool squared, const Mask* mask, const ScoreFactors* factors = nullptr);

    int64_t size() const { return size_; }
    /// Keys of weights [begin, end), row-major.
    void read(int64_t begin, int64_t end, kernels::Key32* keys) const;
    /// The same in double precision: of the score rounded to float32 where the dtype is narrower than F64.
    void read(int64_t begin, int64_t end, kernels::Key64* keys) const;
    template <typename Key>
    kernels::KeyReader<Key> reader() const {
        return [this](int64_t begin, int64_t end, Key* scratch) -> const Key* {
            read(begin, end, scratch);
            return scratch;
        };
    }

  private:
    template <typename Key>
    void multiply(int64_t begin, int64_t end, Key* keys) const;
    void read_widened(int64_t begin, int64_t end, kernels::Key64* keys) const;

    const TensorView& weight_;
    int64_t size_;
    bool squared_;
    const Mask* mask_;
    const ScoreFactors* factors_;
};

/// Keys of the blocks' mean scores over the matrix, in row-major order of the blocks; ragged edge blocks average their
/// real weights.
template <typename Key>
std::vector<Key> block_keys(const Scores& scores, MatrixShape matrix, BlockShape block);
/// The same of blocks [begin, end) alone.
template <typename Key>
void read_block_keys(const Scores& scores, MatrixShape matrix, BlockShape block, int64_t begin, int64_t end, Key* keys);

/// Blocks along each side; the last of a side may be ragged.
MatrixShape blocks_of(MatrixShape matrix, BlockShape block);

}  // namespace lacuna
