#pragma once

#include <cstddef>
#include <cstdint>

namespace lacuna::kernels {

/// Sets bit i of `words` where element i, of 1, 2, 4, 8 or 16 bytes, has a set bit among `significant`; the bits past
/// the last element are 0. Elements of 16 bytes are looked at as two halves. No alignment is asked for.
void nonzero_bits(const std::byte* elements, int64_t count, int element_bytes, uint64_t significant, uint64_t* words);

}  // namespace lacuna::kernels
