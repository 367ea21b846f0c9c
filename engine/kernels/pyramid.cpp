#include "engine/kernels/pyramid.h"

#include <algorithm>
#include <cmath>

#include "engine/kernels/bits.h"
#include "engine/kernels/clones.h"

namespace lacuna::kernels {
namespace {

[[gnu::always_inline]] inline float magnitude(float value) {
    const float absolute = std::abs(value);
    return absolute >= 0 ? absolute : 0;  // NaN compares false
}

/// Kept weights of the 2 × 2 cells of 64 columns: nibble j of `even` belongs to cell 2j, of `odd` to cell 2j + 1.
struct QuadCounts {
    uint64_t even, odd;
};

QuadCounts count_quads(uint64_t top, uint64_t bottom) {
    constexpr uint64_t pairs = 0x5555555555555555, nibbles = 0x3333333333333333;
    const uint64_t a = (top & pairs) + (top >> 1 & pairs), b = (bottom & pairs) + (bottom >> 1 & pairs);
    return {(a & nibbles) + (b & nibbles), (a >> 2 & nibbles) + (b >> 2 & nibbles)};
}

LACUNA_CLONES void spread_counts(QuadCounts counts, float* sums) {
    for (int cell = 0; cell < 16; ++cell) {
        sums[2 * cell] = float(int(counts.even >> (4 * cell) & 15));
        sums[2 * cell + 1] = float(int(counts.odd >> (4 * cell) & 15));
    }
}

}  // namespace

LACUNA_CLONES void add_quads(const float* top, const float* bottom, int64_t columns, float* sums) {
    const int64_t whole = columns / 2;
    if (bottom)
        for (int64_t i = 0; i < whole; ++i)
            sums[i] = (top[2 * i] + top[2 * i + 1]) + (bottom[2 * i] + bottom[2 * i + 1]);
    else
        for (int64_t i = 0; i < whole; ++i) sums[i] = top[2 * i] + top[2 * i + 1];
    if (columns % 2) sums[whole] = top[columns - 1] + (bottom ? bottom[columns - 1] : 0);
}

LACUNA_CLONES void add_magnitude_quads(const float* top, const float* bottom, int64_t columns, float* sums) {
    const int64_t whole = columns / 2;
    if (bottom)
        for (int64_t i = 0; i < whole; ++i)
            sums[i] = (magnitude(top[2 * i]) + magnitude(top[2 * i + 1])) +
                      (magnitude(bottom[2 * i]) + magnitude(bottom[2 * i + 1]));
    else
        for (int64_t i = 0; i < whole; ++i) sums[i] = magnitude(top[2 * i]) + magnitude(top[2 * i + 1]);
    if (columns % 2) sums[whole] = magnitude(top[columns - 1]) + (bottom ? magnitude(bottom[columns - 1]) : 0);
}

void add_bit_quads(const uint64_t* words, int64_t top, int64_t bottom, int64_t columns, float* sums) {
    float cells[32];
    for (int64_t left = 0; left < columns; left += 64, sums += 32) {
        const int64_t here = std::min<int64_t>(64, columns - left);
        const uint64_t above = read_bits(words, top + left, here);
        const uint64_t below = bottom < 0 ? 0 : read_bits(words, bottom + left, here);
        if (here == 64) {
            spread_counts(count_quads(above, below), sums);
        } else {
            spread_counts(count_quads(above, below), cells);
            std::copy_n(cells, (here + 1) / 2, sums);
        }
    }
}

LACUNA_CLONES void shade(const float* sums, int64_t count, float scale, bool strict, float full, uint8_t* bytes) {
    if (!strict) {
        for (int64_t i = 0; i < count; ++i) bytes[i] = uint8_t(int(std::min(255.0f, sums[i] * scale + 0.5f)));
        return;
    }
    for (int64_t i = 0; i < count; ++i) {
        const float value = std::min(255.0f, sums[i] * scale + 0.5f);
        const float least = sums[i] > 0 ? 1.0f : 0.0f, most = sums[i] < full ? 254.0f : 255.0f;
        bytes[i] = uint8_t(int(std::min(std::max(value, least), most)));
    }
}

}  // namespace lacuna::kernels
