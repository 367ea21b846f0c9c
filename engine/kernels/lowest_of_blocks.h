#pragma once

#include <cstdint>
#include <vector>

#include "engine/kernels/bits.h"
#include "engine/kernels/keys.h"
#include "engine/kernels/selection_network.h"

namespace lacuna::kernels {

/// Where blocks lie: `count` of them, `across` side by side before the next row of blocks begins, in rows of keys
/// `stride` apart.
struct Grid {
    int64_t stride = 0, across = 0, count = 0;
};

/// Finds the lowest keys of blocks that lie side by side. Small blocks are looked at together, each in a lane of its
/// own, by a network that is made once for all.
template <typename Key>
class LowestOfBlocks {
  public:
    /// Blocks of `rows` × `width` keys, of which the `zeros` lowest are wanted, all of fewer.
    LowestOfBlocks(int64_t rows, int64_t width, int64_t zeros);

    /// Words that hold a block's bits.
    int64_t words() const { return (size() + 63) / 64; }
    /// Bits of each block's lowest keys, row by row, from a word's first bit on; of equal keys the lower index. `keys`
    /// is the first block's first one. choices[b], if given, tells whether block b had a choice: equal keys of which
    /// some are marked and some are not.
    void find(const Key* keys, Grid grid, uint64_t* bits, uint8_t* choices = nullptr) const;
    /// Appends row `row` of `count` blocks' bits, found by `find`.
    void append_row(const uint64_t* bits, int64_t count, int64_t row, BitWriter& writer) const;

  private:
    int64_t size() const { return rows_ * width_; }
    void fill(int64_t count, uint64_t* bits, uint8_t* choices) const;

    int64_t rows_, width_, zeros_;
    std::vector<Exchange> network_;
};

}  // namespace lacuna::kernels
