#include "engine/kernels/block_means.h"

#include <algorithm>

#include "engine/kernels/clones.h"

namespace lacuna::kernels {
namespace {

template <int Width, typename Key, typename Score>
[[gnu::always_inline]] inline void add_blocks(const Key* keys, int64_t blocks, Score* sums) {
    for (int64_t block = 0; block < blocks; ++block) {
        Score sum = sums[block];
        for (int i = 0; i < Width; ++i) sum += score_of(keys[block * Width + i]);
        sums[block] = sum;
    }
}

template <typename Key, typename Score>
[[gnu::always_inline]] inline void add_any(const Key* keys, int64_t columns, int64_t width, Score* sums) {
    const int64_t whole = columns / width;
    switch (width) {
        case 1:
            add_blocks<1>(keys, whole, sums);
            break;
        case 2:
            add_blocks<2>(keys, whole, sums);
            break;
        case 4:
            add_blocks<4>(keys, whole, sums);
            break;
        case 8:
            add_blocks<8>(keys, whole, sums);
            break;
        case 16:
            add_blocks<16>(keys, whole, sums);
            break;
        default:
            for (int64_t block = 0; block < whole; ++block)
                for (int64_t i = 0; i < width; ++i) sums[block] += score_of(keys[block * width + i]);
    }
    for (int64_t i = whole * width; i < columns; ++i) sums[whole] += score_of(keys[i]);
}

template <typename Score, typename Key>
[[gnu::always_inline]] inline void mean_any(const Score* sums, int64_t rows, int64_t columns, int64_t width,
                                            Key* keys) {
    const int64_t whole = columns / width;
    const Score weights = Score(rows * width);
    for (int64_t block = 0; block < whole; ++block) keys[block] = key_of(sums[block] / weights);
    if (whole * width < columns) keys[whole] = key_of(sums[whole] / Score(rows * (columns - whole * width)));
}

}  // namespace

LACUNA_CLONES void add_row(const Key32* keys, int64_t columns, int64_t width, float* sums) {
    add_any(keys, columns, width, sums);
}

LACUNA_CLONES void add_row(const Key64* keys, int64_t columns, int64_t width, double* sums) {
    add_any(keys, columns, width, sums);
}

LACUNA_CLONES void mean_keys(const float* sums, int64_t rows, int64_t columns, int64_t width, Key32* keys) {
    mean_any(sums, rows, columns, width, keys);
}

LACUNA_CLONES void mean_keys(const double* sums, int64_t rows, int64_t columns, int64_t width, Key64* keys) {
    mean_any(sums, rows, columns, width, keys);
}

}  // namespace lacuna::kernels
