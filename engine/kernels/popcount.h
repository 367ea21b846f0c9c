#pragma once

#include <cstdint>

namespace lacuna::kernels {

/// Ones in `count` words.
int64_t count_ones(const uint64_t* words, int64_t count);
/// Bits in which two times `count` words differ.
int64_t count_differences(const uint64_t* a, const uint64_t* b, int64_t count);

}  // namespace lacuna::kernels
