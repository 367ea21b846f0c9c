#include "engine/mask/patterns.h"

#include <algorithm>
#include <mutex>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/kernels/bits.h"
#include "engine/kernels/crowded_groups.h"

namespace lacuna {
namespace {

constexpr int64_t weights_a_chunk = int64_t(1) << 20;

/// Adds a row of `count` bits, a multiple of 64 to a word but for the last.
void add_row(const uint64_t* row, int64_t count, std::vector<NmCount>& n_m) {
    for (NmCount& pattern : n_m) {
        if (count < pattern.m) continue;
        const int64_t groups = (count + pattern.m - 1) / pattern.m;
        pattern.groups += groups;
        pattern.held += groups;
        pattern.held -= kernels::crowded_groups(row, (count + 63) / 64, pattern.m, pattern.n);
    }
}

/// One thread's part: rows of tiles.
class Strips {
  public:
    Strips(const Mask& nonzero, MatrixShape matrix, BlockShape tile)
        : nonzero_(nonzero), matrix_(matrix), words_(size_t((matrix.columns + 63) / 64)), row_(words_), strip_(words_) {
        found.tile = tile;
        touched.resize(words_);
        for (size_t d = 2; d < nonzero.shape().size(); ++d) places_ *= nonzero.shape()[d];
    }

    /// Rows [first, last), which make one row of tiles.
    void add(int64_t first, int64_t last) {
        std::fill(strip_.begin(), strip_.end(), 0);
        for (int64_t row = first; row < last; ++row) add_row_at(row);
        for (size_t i = 0; i < words_; ++i) touched[i] |= strip_[i];
        for (int64_t left = 0; left < matrix_.columns; left += found.tile.columns) {
            const int64_t right = std::min(matrix_.columns, left + found.tile.columns);
            found.zero_tiles += kernels::count_bits(strip_.data(), left, right) == 0;
            ++found.tiles;
        }
    }

    Patterns found;
    std::vector<uint64_t> touched;  ///< columns that hold something

  private:
    void add_row_at(int64_t row) {
        const int64_t begin = row * matrix_.columns;
        uint64_t any = 0;
        for (size_t i = 0; i < words_; ++i) {
            const int64_t at = int64_t(i) * 64, count = std::min<int64_t>(64, matrix_.columns - at);
            row_[i] = kernels::read_bits(nonzero_.words().data(), begin + at, count);
            any |= row_[i];
            strip_[i] |= row_[i];
        }
        found.zeros += matrix_.columns - kernels::count_ones(row_.data(), int64_t(words_));
        found.zero_rows += any == 0;
        if (places_ == 1) return add_row(row_.data(), matrix_.columns, found.n_m);
        add_channels();
    }

    /// The row of a convolution: its input channels for one place of the kernel after the other.
    void add_channels() {
        const int64_t channels = matrix_.columns / std::max<int64_t>(places_, 1);
        channels_.resize(size_t((channels + 63) / 64));
        for (int64_t place = 0; place < places_; ++place) {
            std::fill(channels_.begin(), channels_.end(), 0);
            for (int64_t i = 0, bit = place; i < channels; ++i, bit += places_)
                channels_[size_t(i / 64)] |= (row_[size_t(bit / 64)] >> (bit % 64) & 1) << (i % 64);
            add_row(channels_.data(), channels, found.n_m);
        }
    }

    const Mask& nonzero_;
    MatrixShape matrix_;
    size_t words_;
    int64_t places_ = 1;
    std::vector<uint64_t> row_, strip_, channels_;
};

void add(Patterns& all, const Patterns& part) {
    all.zeros += part.zeros;
    all.zero_rows += part.zero_rows;
    all.tiles += part.tiles;
    all.zero_tiles += part.zero_tiles;
    for (size_t i = 0; i < all.n_m.size(); ++i) {
        all.n_m[i].groups += part.n_m[i].groups;
        all.n_m[i].held += part.n_m[i].held;
    }
}

}  // namespace

Patterns patterns_of(const Mask& nonzero, BlockShape tile) {
    if (tile.rows < 1 || tile.columns < 1)
        throw Error(ErrorKind::argument, "tile",
                    std::to_string(tile.rows) + "×" + std::to_string(tile.columns) + " has a side below 1",
                    "give two sides of at least 1");
    const MatrixShape matrix = matrix_shape(nonzero.shape());
    Strips total(nonzero, matrix, tile);
    total.found.rows = matrix.rows;
    total.found.columns = matrix.columns;
    if (nonzero.size() > 0) {
        std::mutex mutex;
        const int64_t height = std::min(tile.rows, matrix.rows), strips = (matrix.rows + height - 1) / height;
        const int64_t grain = std::max<int64_t>(1, weights_a_chunk / (height * matrix.columns));
        parallel_for(strips, grain, [&](int64_t begin, int64_t end) {
            Strips part(nonzero, matrix, tile);
            for (int64_t i = begin; i < end; ++i) part.add(i * height, std::min(matrix.rows, (i + 1) * height));
            std::lock_guard lock(mutex);
            add(total.found, part.found);
            for (size_t i = 0; i < part.touched.size(); ++i) total.touched[i] |= part.touched[i];
        });
    }
    total.found.zero_columns = matrix.columns - kernels::count_bits(total.touched.data(), 0, matrix.columns);
    return total.found;
}

}  // namespace lacuna
