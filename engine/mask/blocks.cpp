#include <algorithm>
#include <mutex>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/kernels/bits.h"
#include "engine/mask/mask.h"

namespace lacuna {
namespace {

constexpr int64_t largest_block = int64_t(1) << 24;  // weights; a histogram entry each

void check_block(BlockShape block) {
    const std::string text = std::to_string(block.rows) + "×" + std::to_string(block.columns);
    if (block.rows < 1 || block.columns < 1)
        throw Error(ErrorKind::argument, "block shape", text + " has a side below 1", "give two sides of at least 1");
    if (block.rows > largest_block || block.columns > largest_block / block.rows)
        throw Error(ErrorKind::argument, "block shape", text + " is larger than 2^24 weights", "take smaller blocks");
}

/// Adds the blocks of one row of blocks, matrix rows [first, last), to `histogram`.
void count_block_row(const Mask& mask, int64_t columns, int64_t first, int64_t last, int64_t width,
                     std::vector<int64_t>& histogram, int64_t& empty) {
    for (int64_t left = 0; left < columns; left += width) {
        const int64_t right = std::min(columns, left + width);
        int64_t kept = 0;
        for (int64_t row = first; row < last; ++row) kept += mask.kept_in(row * columns + left, row * columns + right);
        ++histogram[size_t((last - first) * (right - left) - kept)];
        empty += kept == 0;
    }
}

}  // namespace

MatrixShape matrix_shape(const Shape& shape) {
    if (shape.empty()) return {1, 1};
    if (shape.size() == 1) return {1, shape[0]};
    int64_t columns = 1;
    for (size_t i = 1; i < shape.size(); ++i) columns *= shape[i];
    return {shape[0], columns};
}

BlockStats block_stats(const Mask& mask, BlockShape block) {
    check_block(block);
    const MatrixShape matrix = matrix_shape(mask.shape());
    const int64_t rows = matrix.rows, columns = matrix.columns;
    BlockStats stats;
    stats.histogram.assign(size_t(block.rows * block.columns + 1), 0);
    if (mask.size() == 0) return stats;
    const int64_t block_rows = (rows + block.rows - 1) / block.rows;
    std::mutex mutex;
    const int64_t grain = std::max<int64_t>(1, (int64_t(1) << 20) / std::max<int64_t>(1, block.rows * columns));
    parallel_for(block_rows, grain, [&](int64_t begin, int64_t end) {
        std::vector<int64_t> histogram(stats.histogram.size());
        int64_t empty = 0;
        for (int64_t i = begin; i < end; ++i)
            count_block_row(mask, columns, i * block.rows, std::min(rows, (i + 1) * block.rows), block.columns,
                            histogram, empty);
        std::lock_guard lock(mutex);
        for (size_t z = 0; z < histogram.size(); ++z) stats.histogram[z] += histogram[z];
        stats.empty += empty;
    });
    stats.full = stats.histogram[0];
    stats.blocks = block_rows * ((columns + block.columns - 1) / block.columns);
    return stats;
}

}  // namespace lacuna
