#pragma once

#include <vector>

#include "engine/kernels/aten_order.h"
#include "engine/sparsifiers/scores.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

using kernels::AtenOrder;

/// Which weights a norm sparsifier prunes once every weight has a score (docs/parity.md): a share of the blocks, those
/// with the lowest mean, and in each of them the lowest weights.
struct BlockRule {
    double level = 0;   ///< share of the blocks; any real: 0 or less takes none, 1 or more all
    BlockShape block;   ///< at least 1 × 1
    int64_t zeros = 0;  ///< weights pruned in a taken block; rows · columns is the whole block
    Ties ties = Ties::lowest;
    AtenOrder aten_order = AtenOrder::topk;  ///< for Ties::aten
    bool spare_one = true;                   ///< below level 1 at least one block stays whole
};

/// Blocks taken of `blocks`: round half to even; with `spare_one` below level 1 never all of them.
int64_t blocks_taken(double level, int64_t blocks, bool spare_one = true);

/// The mask of `shape`, which has the matrix' weights in the matrix' order, for scores with keys of type Key.
template <typename Key>
Mask prune_blocks(const Scores& scores, const Shape& shape, MatrixShape matrix, const BlockRule& rule);

/// Room for that many bits, all 0.
std::vector<uint64_t> words_for(int64_t bits);
/// Rows of so many weights that one thread takes at a time: about 2^18 weights, and chunks meet at word borders.
int64_t rows_a_chunk(int64_t row_weights);

/// The k lowest of `count` keys as bits; `order` is for Ties::aten.
template <typename Key>
std::vector<uint64_t> lowest_of(const kernels::KeyReader<Key>& reader, int64_t count, int64_t k, Ties ties,
                                AtenOrder order = AtenOrder::topk);
template <typename Key>
std::vector<uint64_t> lowest_of(const std::vector<Key>& keys, int64_t k, Ties ties, AtenOrder order = AtenOrder::topk);

/// The mask of `shape` that prunes the blocks, row-major over the matrix, whose bit in `taken` is 1.
Mask mask_without(const std::vector<uint64_t>& taken, const Shape& shape, MatrixShape matrix, BlockShape block);

}  // namespace lacuna
