#include "engine/kernels/popcount.h"

#include <bit>

#include "engine/kernels/clones.h"

namespace lacuna::kernels {

LACUNA_CLONES int64_t count_ones(const uint64_t* words, int64_t count) {
    int64_t ones = 0;
    for (int64_t i = 0; i < count; ++i) ones += std::popcount(words[i]);
    return ones;
}

LACUNA_CLONES int64_t count_differences(const uint64_t* a, const uint64_t* b, int64_t count) {
    int64_t ones = 0;
    for (int64_t i = 0; i < count; ++i) ones += std::popcount(a[i] ^ b[i]);
    return ones;
}

}  // namespace lacuna::kernels
