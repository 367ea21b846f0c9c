#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/tensor/dtype.h"

namespace lacuna {

/// What is remembered of a tensor that was written, so that it can be found again in the file without a second look at
/// where it came from.
struct TensorFacts {
    std::array<uint64_t, 2> hash{};  ///< of its elements in row-major order
    int64_t zeros = 0;               ///< elements that are ±0; 0 where the type's zeros cannot be told
    bool operator==(const TensorFacts&) const = default;
};

/// Gathers a tensor's facts piece by piece, from any threads; pieces are the same wherever the tensor lies.
class FactsOfPieces {
  public:
    /// A tensor of `bytes` bytes, `element_bytes` each (0: less than a byte).
    FactsOfPieces(DType dtype, uint64_t bytes);

    int64_t pieces() const { return int64_t(hashes_.size()); }
    uint64_t begin_of(int64_t piece) const { return uint64_t(piece) * piece_bytes_; }  ///< in bytes
    uint64_t bytes_of(int64_t piece) const;
    static constexpr int64_t elements_a_piece = int64_t(1) << 18;  ///< a multiple of the 64 weights in a mask's word

    /// Takes in a piece.
    void add(int64_t piece, std::span<const std::byte> bytes);
    /// The facts, once every piece was taken in.
    TensorFacts facts() const;

  private:
    DType dtype_;
    uint64_t bytes_, piece_bytes_;
    std::vector<std::array<uint64_t, 2>> hashes_;
    std::vector<int64_t> zeros_;
};

/// Whether every element of `bytes` that the mask's words prune is +0: how a mask is known to be squashed in.
bool pruned_are_zero(DType dtype, std::span<const std::byte> bytes, const uint64_t* mask_words);

/// The facts of a tensor that lies in row-major order, by all threads; `done` is told of bytes that were read.
TensorFacts facts_of(DType dtype, std::span<const std::byte> bytes, const std::function<void(uint64_t bytes)>& done);

}  // namespace lacuna
