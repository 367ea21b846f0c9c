#pragma once

#include <cstddef>
#include <cstdint>

namespace lacuna::kernels {

/// Copies `count` elements of `element_bytes` (1, 2, 4, 8 or 16) each from `in` to `out`, those whose bit in `words` is
/// 0 as zero bytes. `in` and `out` are the same or do not overlap; bit 0 of words[0] belongs to the first element.
void select_mask(const std::byte* in, const uint64_t* words, int64_t count, int element_bytes, std::byte* out);

}  // namespace lacuna::kernels
