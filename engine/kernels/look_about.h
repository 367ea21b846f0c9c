#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/kernels/bracket.h"

namespace lacuna::kernels {

/// What one look at keys tells of a bracket: how many lie where, and which lie inside.
template <typename Key>
struct Looked {
    int64_t below = 0, at_low = 0;  ///< keys below `low`, and equal to it
    int64_t inside = 0;             ///< keys strictly between `low` and `high`
    int64_t at_high = 0;            ///< keys equal to `high`; 0 where that is `low` too
    std::vector<Key> found;         ///< the keys inside, in any order
};

/// One pass over the keys by all threads. Keys inside are collected only while there are at most `room` of them; they
/// are counted to the end.
template <typename Key>
Looked<Key> look_about(const KeyReader<Key>& reader, int64_t count, Bracket<Key> bracket, int64_t room);

/// Adds to bins[i] how many keys lie in [low + (i << shift), low + (i + 1 << shift)), by all threads.
template <typename Key>
void count_in_bins(const KeyReader<Key>& reader, int64_t count, Key low, int shift, std::span<int64_t> bins);

}  // namespace lacuna::kernels
