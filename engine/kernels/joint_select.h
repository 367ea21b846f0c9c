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

/// The k lowest of all runs' keys together, a bit a key, one run behind the other; of equal keys the earlier run's,
/// then the lower index; 0 ≤ k ≤ the number of keys. The keys are read where they are.
template <typename Key>
std::vector<uint64_t> select_lowest_of_all(std::span<const KeyRun<Key>> runs, int64_t k);

}  // namespace lacuna::kernels
