#include "engine/sparsifiers/inside_blocks.h"

#include <algorithm>
#include <numeric>

#include "engine/base/parallel.h"
#include "engine/kernels/bits.h"
#include "engine/kernels/nm_mask.h"

namespace lacuna {
namespace {

using kernels::KeyReader;
using Words = std::vector<uint64_t>;

/// N:M on rows that are whole groups: the tensor is one run of groups.
template <typename Key>
Words lowest_in_groups(const KeyReader<Key>& keys, int64_t count, int64_t group, int64_t zeros) {
    Words words = words_for(count);
    const kernels::LowestOfGroups<Key> lowest(group, zeros);
    const int64_t step = std::lcm(group, int64_t(64)), tile = step * std::max<int64_t>(1, 4096 / step);
    const int64_t grain = tile * std::max<int64_t>(1, (int64_t(1) << 18) / tile);
    parallel_for(count, grain, [&](int64_t begin, int64_t end) {
        std::vector<Key> room(static_cast<size_t>(std::min(tile, end - begin)));
        for (int64_t first = begin; first < end; first += tile) {
            const int64_t last = std::min(end, first + tile);
            lowest.mark(keys(first, last, room.data()), last - first, words.data() + first / 64);
        }
    });
    return words;
}

/// Blocks that are alike: `across` of each row of blocks, from column `left` on.
template <typename Key>
struct LikeBlocks {
    LikeBlocks(int64_t rows, int64_t columns, int64_t zeros, int64_t from, int64_t number)
        : lowest(rows, columns, zeros), left(from), width(columns), across(number) {}

    kernels::LowestOfBlocks<Key> lowest;
    int64_t left, width, across;
    Words bits;                    ///< of the lowest weights, each block's from a word's first bit on
    std::vector<uint8_t> choices;  ///< 1 for a block with a choice among equals
};

/// Rows of blocks, all of the same height, some at a time.
template <typename Key>
class Strips {
  public:
    Strips(const KeyReader<Key>& keys, MatrixShape matrix, const BlockRule& rule, int64_t rows)
        : reader_(keys), matrix_(matrix), rule_(rule), rows_(rows), by_aten_(rule.aten_order) {
        const int64_t width = rule.block.columns, whole = matrix.columns / width, rest = matrix.columns % width;
        if (whole > 0) parts_.emplace_back(rows, width, rule.zeros, 0, whole);
        if (rest > 0) parts_.emplace_back(rows, rest, rule.zeros, whole * width, 1);
    }

    /// Appends the bits of `count` rows of blocks, of which the first begins at row `top`.
    void append(int64_t top, int64_t count, kernels::BitWriter& writer) {
        const int64_t together = std::max<int64_t>(1, 4096 / (rows_ * matrix_.columns));
        for (int64_t first = 0; first < count; first += together)
            append_some(top + first * rows_, std::min(together, count - first), writer);
    }

  private:
    void append_some(int64_t top, int64_t count, kernels::BitWriter& writer) {
        room_.resize(size_t(count * rows_ * matrix_.columns));
        keys_ = reader_(top * matrix_.columns, (top + count * rows_) * matrix_.columns, room_.data());
        for (LikeBlocks<Key>& part : parts_) find_lowest(part, count * part.across);
        for (int64_t row = 0; row < count * rows_; ++row)
            for (const LikeBlocks<Key>& part : parts_)
                part.lowest.append_row(part.bits.data() + row / rows_ * part.across * part.lowest.words(), part.across,
                                       row % rows_, writer);
    }

    void find_lowest(LikeBlocks<Key>& part, int64_t count) {
        part.bits.resize(size_t(count * part.lowest.words()));
        part.choices.resize(size_t(count));
        part.lowest.find(keys_ + part.left, {matrix_.columns, part.across, count}, part.bits.data(),
                         part.choices.data());
        if (rule_.ties == Ties::lowest) return;
        // Without a choice among equals there is one selection, whoever makes it. torch.ao.pruning pads edge blocks
        // with NaN, which takes part in its choice.
        const bool cut = part.width < rule_.block.columns || rows_ < rule_.block.rows;
        for (int64_t block = 0; block < count; ++block)
            if (cut || part.choices[size_t(block)]) choose_as_aten(part, block);
    }

    void choose_as_aten(LikeBlocks<Key>& part, int64_t block) {
        const int64_t size = rule_.block.rows * rule_.block.columns;
        const int64_t top = block / part.across * rows_, left = part.left + block % part.across * part.width;
        inside_.assign(size_t(size), kernels::nan_key<Key>);
        for (int64_t row = 0; row < rows_; ++row)
            std::copy_n(keys_ + (top + row) * matrix_.columns + left, part.width,
                        inside_.data() + row * rule_.block.columns);
        chosen_.resize(size_t(size + 63) / 64);
        by_aten_.mark(inside_.data(), size, rule_.zeros, chosen_.data());
        kernels::BitWriter writer(part.bits.data() + block * part.lowest.words());
        for (int64_t row = 0; row < rows_; ++row)
            writer.append_bits(chosen_.data(), row * rule_.block.columns, part.width);
        writer.finish();
    }

    const KeyReader<Key>& reader_;
    MatrixShape matrix_;
    BlockRule rule_;
    int64_t rows_;
    kernels::LowestByAten<Key> by_aten_;
    std::vector<LikeBlocks<Key>> parts_;
    const Key* keys_ = nullptr;  // of the rows of blocks that are looked at
    std::vector<Key> room_, inside_;
    Words chosen_;
};

template <typename Key>
Words lowest_in_strips(const KeyReader<Key>& keys, MatrixShape matrix, const BlockRule& rule) {
    Words words = words_for(matrix.rows * matrix.columns);
    const int64_t rows = rule.block.rows, whole = matrix.rows / rows;
    parallel_for(blocks_of(matrix, rule.block).rows, rows_a_chunk(rows * matrix.columns),
                 [&](int64_t begin, int64_t end) {
                     kernels::BitWriter writer(words.data() + begin * rows * matrix.columns / 64);
                     if (const int64_t here = std::min(end, whole) - begin; here > 0)
                         Strips<Key>(keys, matrix, rule, rows).append(begin * rows, here, writer);
                     if (end > whole)
                         Strips<Key>(keys, matrix, rule, matrix.rows - whole * rows).append(whole * rows, 1, writer);
                     writer.finish();
                 });
    return words;
}

}  // namespace

template <typename Key>
Words lowest_in_each(const KeyReader<Key>& keys, MatrixShape matrix, const BlockRule& rule) {
    if (rule.ties == Ties::lowest && rule.block.rows == 1 && matrix.columns % rule.block.columns == 0)
        return lowest_in_groups(keys, matrix.rows * matrix.columns, rule.block.columns, rule.zeros);
    return lowest_in_strips(keys, matrix, rule);
}

template Words lowest_in_each(const KeyReader<kernels::Key32>&, MatrixShape, const BlockRule&);
template Words lowest_in_each(const KeyReader<kernels::Key64>&, MatrixShape, const BlockRule&);

}  // namespace lacuna
