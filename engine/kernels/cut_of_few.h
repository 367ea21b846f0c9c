#pragma once

#include <cstdint>

#include "engine/kernels/radix_select.h"

namespace lacuna::kernels {

/// Up to so many keys a cut is found faster by trying than by counting digits: they stay in a near cache.
inline constexpr int64_t few_keys = 1 << 15;

/// The cut for the k lowest of `count` keys that lie in memory, 1 ≤ k ≤ count, by bisection: one pass for each try, and
/// no memory. Where there is no choice among equal keys, `equal` and `ties` are both 0 and the keys up to and with
/// `key`, which need not be one of them, are selected.
Cut<Key32> cut_of_few(const Key32* keys, int64_t count, int64_t k);
Cut<Key64> cut_of_few(const Key64* keys, int64_t count, int64_t k);

/// flags[i] = 1 for the keys that the cut selects, of equal ones the lower index; 0 for the others.
void flag_below(const Key32* keys, int64_t count, const Cut<Key32>& cut, uint8_t* flags);
void flag_below(const Key64* keys, int64_t count, const Cut<Key64>& cut, uint8_t* flags);

}  // namespace lacuna::kernels
