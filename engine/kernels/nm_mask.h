#pragma once

#include <cstdint>

#include "engine/kernels/keys.h"

namespace lacuna::kernels {

/// Bits of the `zeros` lowest keys of every `group` consecutive ones, the lower index first among equals. `count` keys
/// from a word's first bit on; a last, shorter group loses min(zeros, its length). Bits past the last key are 0.
void mark_groups(const Key32* keys, int64_t count, int64_t group, int64_t zeros, uint64_t* words);
void mark_groups(const Key64* keys, int64_t count, int64_t group, int64_t zeros, uint64_t* words);

}  // namespace lacuna::kernels
