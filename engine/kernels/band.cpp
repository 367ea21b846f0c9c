#include "engine/kernels/band.h"

#include <algorithm>

#include "engine/kernels/bits.h"

namespace lacuna::kernels {

void set_band(uint64_t* words, int64_t rows, int64_t columns, int64_t distance) {
    for (int64_t row = 0; row < rows; ++row) {
        const int64_t first = std::max<int64_t>(0, row - distance);
        if (first >= columns) return;
        fill_bits(words, row * columns + first, row * columns + std::min(columns, row + distance + 1), true);
    }
}

}  // namespace lacuna::kernels
