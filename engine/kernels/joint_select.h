#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/kernels/radix_select.h"

namespace lacuna::kernels {

/// Keys that compete with those of other runs. Its reader is asked for any `begin`, not only for multiples of 64.
template <typename Key>
struct KeyRun {
    KeyReader<Key> read;
    int64_t count = 0;
};

/// Reads runs as if they lay one behind the other. The runs must outlive the reader.
template <typename Key>
KeyReader<Key> joined(std::span<const KeyRun<Key>> runs);

}  // namespace lacuna::kernels
