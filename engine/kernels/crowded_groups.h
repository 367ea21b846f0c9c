#pragma once

#include <cstdint>

namespace lacuna::kernels {

/// How many groups of `group` (4 or 8) neighbouring bits of `count` words hold more than `most` ones; `most` is below
/// `group`.
int64_t crowded_groups(const uint64_t* words, int64_t count, int group, int most);

}  // namespace lacuna::kernels
