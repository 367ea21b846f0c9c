#include "engine/kernels/crowded_groups.h"

#include <bit>

#include "engine/kernels/clones.h"

namespace lacuna::kernels {
namespace {

/// Ones of every two bits, then of four: the sums stand where the bits were.
[[gnu::always_inline]] inline uint64_t ones_of_four(uint64_t bits) {
    const uint64_t twos = bits - (bits >> 1 & 0x5555555555555555);
    return (twos & 0x3333333333333333) + (twos >> 2 & 0x3333333333333333);
}

}  // namespace

/// What is added to a group's number of ones sets its highest bit where they are more than `most`.
LACUNA_CLONES int64_t crowded_groups(const uint64_t* words, int64_t count, int group, int most) {
    constexpr uint64_t fours = 0x1111111111111111, eights = 0x0101010101010101;
    int64_t crowded = 0;
    if (group == 4) {
        const uint64_t missing = fours * uint64_t(7 - most);
        for (int64_t i = 0; i < count; ++i) crowded += std::popcount((ones_of_four(words[i]) + missing) & fours << 3);
    } else {
        const uint64_t missing = eights * uint64_t(127 - most);
        for (int64_t i = 0; i < count; ++i) {
            const uint64_t ones = ones_of_four(words[i]);
            crowded += std::popcount((((ones + (ones >> 4)) & 0x0f0f0f0f0f0f0f0f) + missing) & eights << 7);
        }
    }
    return crowded;
}

}  // namespace lacuna::kernels
