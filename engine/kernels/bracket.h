#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/kernels/radix_select.h"

namespace lacuna::kernels {

/// Two keys between which a selection is probably cut. `low` is 0 or `high` NaN's key where there is no telling.
template <typename Key>
struct Bracket {
    Key low = 0, high = 0;
};

/// A guess from keys spread evenly over all; nothing for so few keys that a guess does not pay.
template <typename Key>
std::optional<Bracket<Key>> guess_bracket(const KeyReader<Key>& reader, int64_t count, int64_t k);

/// Keys of one chunk strictly inside a bracket, in order, and their places in the chunk.
template <typename Key>
struct Inside {
    std::vector<Key> keys;
    std::vector<uint32_t> places;
};

/// What one pass over all keys tells of a bracket.
template <typename Key>
struct Scan {
    int64_t below = 0, at_low = 0, at_high = 0;  ///< keys below `low`, and equal to either
    std::vector<Inside<Key>> inside;             ///< of every chunk

    int64_t inside_count() const {
        int64_t count = 0;
        for (const Inside<Key>& chunk : inside) count += int64_t(chunk.keys.size());
        return count;
    }
};

/// Sets the bits of the keys up to `low`, itself included, clears the others, and collects the keys inside. Nothing if
/// those are so many that the guess was no help.
template <typename Key>
std::optional<Scan<Key>> scan_bracket(const KeyReader<Key>& reader, int64_t count, Bracket<Key> bracket,
                                      uint64_t* words);

}  // namespace lacuna::kernels
