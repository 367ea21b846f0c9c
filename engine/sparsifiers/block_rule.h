#pragma once

#include "engine/sparsifiers/scores.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// Which weights a norm sparsifier prunes once every weight has a score (parity.md 1.4): a share of the blocks, those
/// with the lowest mean, and in each of them the lowest weights.
struct BlockRule {
    double level = 0;   ///< share of the blocks; any real: 0 or less takes none, 1 or more all
    BlockShape block;   ///< at least 1 × 1
    int64_t zeros = 0;  ///< weights pruned in a taken block; rows · columns is the whole block
    Ties ties = Ties::lowest;
};

/// Blocks taken of `blocks`: round half to even, below level 1 never all of them.
int64_t blocks_taken(double level, int64_t blocks);

/// The mask of `shape`, which has the matrix' weights in the matrix' order, for scores with keys of type Key.
template <typename Key>
Mask prune_blocks(const Scores& scores, const Shape& shape, MatrixShape matrix, const BlockRule& rule);

}  // namespace lacuna
