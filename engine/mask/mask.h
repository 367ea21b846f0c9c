#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/tensor/tensor_view.h"

namespace lacuna {

/// Which weights of one tensor are kept: a bit a weight, 1 keep, 0 prune, in row-major order of the tensor's shape.
/// Bit i is bit (i % 64) of word (i / 64); bits past the last weight are always 0, so masks compare word by word.
class Mask {
  public:
    Mask() = default;  ///< of shape {0}: no weight at all

    static Mask ones(Shape shape);   ///< keeps everything
    static Mask zeros(Shape shape);  ///< prunes everything
    /// From one byte a weight, row-major; 0 prunes, everything else keeps. Throws Error(argument) on another length.
    static Mask from_bytes(Shape shape, std::span<const uint8_t> bytes);
    /// From a tensor of any dtype: values that are not zero keep (NaN keeps).
    static Mask from_tensor(const TensorView& tensor);

    const Shape& shape() const { return shape_; }
    int64_t size() const { return size_; }  ///< weights
    int64_t kept() const;                   ///< weights kept, by popcount
    int64_t pruned() const { return size_ - kept(); }
    double sparsity() const;  ///< pruned / size; 0 for an empty mask

    bool operator[](int64_t i) const { return words_[size_t(i >> 6)] >> (i & 63) & 1; }
    void set(int64_t i, bool keep);
    /// Sets weights [begin, end), in row-major order.
    void set_range(int64_t begin, int64_t end, bool keep);
    /// Weights kept among [begin, end), in row-major order.
    int64_t kept_in(int64_t begin, int64_t end) const;

    std::span<const uint64_t> words() const { return words_; }
    /// For kernels that write whole words. Bits past the last weight must stay 0: end with `clear_tail()`.
    std::span<uint64_t> words() { return words_; }
    void clear_tail();

    /// One byte a weight, 0 or 1, into `out` of `size()` bytes.
    void to_bytes(std::span<uint8_t> out) const;
    std::vector<uint8_t> to_bytes() const;

    // Set operations on the kept weights. Both masks need the same shape: Error(argument) if not.
    Mask operator&(const Mask& other) const;  ///< kept in both
    Mask operator|(const Mask& other) const;  ///< kept in either
    Mask operator^(const Mask& other) const;  ///< where the two differ
    Mask operator-(const Mask& other) const;  ///< kept here and not in `other`
    Mask operator~() const;
    bool operator==(const Mask& other) const = default;

  private:
    explicit Mask(Shape shape, uint64_t fill);

    Shape shape_{0};
    int64_t size_ = 0;
    std::vector<uint64_t> words_;
};

using MaskPtr = std::shared_ptr<const Mask>;

/// A tensor of any rank as the matrix that block patterns run over: 0-D and 1-D as one row, 2-D as it is,
/// more dimensions as shape[0] rows of everything else (a conv weight O×I×kH×kW becomes O rows, I·kH·kW columns).
struct MatrixShape {
    int64_t rows = 0, columns = 0;
};
MatrixShape matrix_shape(const Shape& shape);

struct BlockShape {
    int64_t rows = 1, columns = 1;
    bool operator==(const BlockShape&) const = default;
};

/// What blocks of one shape hold, over the mask's matrix; ragged edge blocks count like whole ones.
struct BlockStats {
    int64_t blocks = 0;
    int64_t full = 0;                ///< nothing pruned
    int64_t empty = 0;               ///< everything pruned: what a block-sparse runtime can leave out
    std::vector<int64_t> histogram;  ///< histogram[z]: blocks with exactly z pruned weights; rows·columns + 1 entries
};
/// Throws Error(argument) unless both sides of `block` are at least 1.
BlockStats block_stats(const Mask& mask, BlockShape block);

/// Writes `weight` with the mask applied, row-major, to `out`: kept elements bit for bit, pruned ones as +0
/// (torch.ao.pruning multiplies, which leaves −0.0 and NaN behind; docs/parity.md). Any dtype of whole bytes.
/// Throws Error(argument) if the shapes differ.
void apply_mask(const Mask& mask, const TensorView& weight, std::byte* out);

}  // namespace lacuna
