#pragma once

#include <cstdint>

#include "engine/kernels/lowest_of_blocks.h"

namespace lacuna::kernels {

/// Marks the lowest keys of groups that lie behind one another.
template <typename Key>
class LowestOfGroups {
  public:
    /// Groups of `group` keys, of which the `zeros` lowest are wanted, all of fewer.
    LowestOfGroups(int64_t group, int64_t zeros);

    /// Bits of the lowest keys of every group of `count` keys, from a word's first bit on, of equal ones the lower
    /// index; a last, shorter group is one too. Bits past the last key are 0.
    void mark(const Key* keys, int64_t count, uint64_t* words) const;

  private:
    int64_t group_, zeros_;
    LowestOfBlocks<Key> lowest_;
};

}  // namespace lacuna::kernels
