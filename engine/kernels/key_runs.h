#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "engine/kernels/radix_select.h"

namespace lacuna::kernels {

/// Keys that one thread takes at a time; their places in it fit 32 bits, and chunks meet at word borders.
inline constexpr int64_t chunk_keys = 1 << 19;

inline int64_t chunks_of(int64_t count) {
    return (count + chunk_keys - 1) / chunk_keys;
}

/// Calls body(keys, count, first index) for every run of at most `keys_a_read` keys in [begin, end).
template <typename Key, typename Body>
void each_run(const KeyReader<Key>& reader, int64_t begin, int64_t end, Body&& body) {
    std::array<Key, size_t(keys_a_read)> scratch;
    for (int64_t first = begin; first < end; first += keys_a_read) {
        const int64_t last = std::min(end, first + keys_a_read);
        body(reader(first, last, scratch.data()), last - first, first);
    }
}

}  // namespace lacuna::kernels
