#pragma once

#include "engine/sparsifiers/block_rule.h"

namespace lacuna {

/// A bit a weight: the `rule.zeros` lowest weights of every block of the matrix, fewer than it has; all of a smaller
/// block at the edge. `keys` are the weights', row-major, and asked for in any pieces.
template <typename Key>
std::vector<uint64_t> lowest_in_each(const kernels::KeyReader<Key>& keys, MatrixShape matrix, const BlockRule& rule);

}  // namespace lacuna
