#include "engine/sparsifiers/block_rule.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/parallel.h"
#include "engine/kernels/bits.h"
#include "engine/kernels/lowest_of_few.h"
#include "engine/kernels/nm_mask.h"

namespace lacuna {
namespace {

using Words = std::vector<uint64_t>;

/// Rows for one thread at a time so that chunks meet at word borders: about 2^18 weights.
int64_t rows_a_chunk(int64_t row_weights) {
    const int64_t step = 64 / std::gcd(int64_t(64), row_weights);
    return step * std::max<int64_t>(1, (int64_t(1) << 18) / (step * row_weights));
}

template <typename Key>
Words lowest(const std::vector<Key>& keys, int64_t k, const BlockRule& rule) {
    if (rule.ties == Ties::aten) return lowest_by_aten(keys, k, rule.aten_order);
    Words words = words_for(int64_t(keys.size()));
    const kernels::KeyReader<Key> reader = [&](int64_t begin, int64_t, Key*) { return keys.data() + begin; };
    kernels::select_lowest(reader, int64_t(keys.size()), k, words.data());
    return words;
}

/// Single weights as blocks: with the default ties their keys are never stored.
template <typename Key>
Words lowest_weights(const Scores& scores, int64_t k, const BlockRule& rule) {
    if (rule.ties == Ties::aten) {
        std::vector<Key> keys(static_cast<size_t>(scores.size()));
        scores.read(0, scores.size(), keys.data());
        return lowest_by_aten(keys, k, rule.aten_order);
    }
    Words words = words_for(scores.size());
    kernels::select_lowest(scores.reader<Key>(), scores.size(), k, words.data());
    return words;
}

/// Bits [first, first + count) of `taken`, each `width` times, to `row`.
void repeat_each(const Words& taken, int64_t first, int64_t count, int64_t width, uint64_t* row) {
    kernels::BitWriter writer(row);
    const auto repeat = [&]<int Width>() {
        constexpr int64_t together = 64 / Width;
        for (int64_t i = 0; i < count; i += together) {
            const int64_t here = std::min(together, count - i);
            writer.append_repeated<Width>(kernels::read_bits(taken.data(), first + i, here), here);
        }
    };
    switch (width) {
        case 1:
            repeat.operator()<1>();
            break;
        case 2:
            repeat.operator()<2>();
            break;
        case 4:
            repeat.operator()<4>();
            break;
        case 8:
            repeat.operator()<8>();
            break;
        case 16:
            repeat.operator()<16>();
            break;
        default:
            for (int64_t i = first; i < first + count; ++i)
                writer.append_run(taken[size_t(i >> 6)] >> (i & 63) & 1, width);
    }
    writer.finish();
}

/// A bit a block to a bit a weight.
Words expand(const Words& taken, MatrixShape matrix, BlockShape block) {
    const MatrixShape blocks = blocks_of(matrix, block);
    Words words = words_for(matrix.rows * matrix.columns);
    const int64_t grain = rows_a_chunk(block.rows * matrix.columns);
    parallel_for(blocks.rows, grain, [&](int64_t begin, int64_t end) {
        kernels::BitWriter writer(words.data() + begin * block.rows * matrix.columns / 64);
        Words row = words_for(blocks.columns * block.columns);  // the edge block as wide as the others
        for (int64_t i = begin; i < end; ++i) {
            repeat_each(taken, i * blocks.columns, blocks.columns, block.columns, row.data());
            const int64_t rows = std::min(block.rows, matrix.rows - i * block.rows);
            for (int64_t r = 0; r < rows; ++r)
                for (int64_t left = 0; left < matrix.columns; left += 64) {
                    const int64_t here = std::min<int64_t>(64, matrix.columns - left);
                    writer.append(row[size_t(left / 64)] & kernels::low_bits(here), here);
                }
        }
        writer.finish();
    });
    return words;
}

/// N:M on rows that are whole groups: the tensor is one run of groups.
template <typename Key>
Words lowest_in_groups(const Scores& scores, int64_t group, int64_t zeros) {
    Words words = words_for(scores.size());
    const int64_t step = std::lcm(group, int64_t(64)), tile = step * std::max<int64_t>(1, 4096 / step);
    const int64_t grain = tile * std::max<int64_t>(1, (int64_t(1) << 18) / tile);
    parallel_for(scores.size(), grain, [&](int64_t begin, int64_t end) {
        std::vector<Key> keys(static_cast<size_t>(std::min(tile, end - begin)));
        for (int64_t first = begin; first < end; first += tile) {
            const int64_t last = std::min(end, first + tile);
            scores.read(first, last, keys.data());
            kernels::mark_groups(keys.data(), last - first, group, zeros, words.data() + first / 64);
        }
    });
    return words;
}

/// The lowest weights of each block of a row of blocks. `Lowest` is the order among equals.
template <typename Key, typename Lowest>
class BlockRow {
  public:
    BlockRow(const Scores& scores, MatrixShape matrix, BlockShape block, int64_t zeros, bool padded)
        : scores_(scores), matrix_(matrix), block_(block), zeros_(zeros), padded_(padded) {}

    /// Appends the bits of rows [top, bottom), one row of blocks.
    void append(int64_t top, int64_t bottom, kernels::BitWriter& writer) {
        const int64_t weights = (bottom - top) * matrix_.columns;
        keys_.resize(size_t(weights));
        flags_.resize(size_t(weights));
        scores_.read(top * matrix_.columns, bottom * matrix_.columns, keys_.data());
        for (int64_t left = 0; left < matrix_.columns; left += block_.columns)
            flag_block(bottom - top, left, std::min(matrix_.columns, left + block_.columns));
        for (int64_t i = 0; i < weights; i += 64) {
            const int64_t here = std::min<int64_t>(64, weights - i);
            writer.append(kernels::pack(flags_.data() + i, here), here);
        }
    }

  private:
    void flag_block(int64_t rows, int64_t left, int64_t right) {
        // torch.ao.pruning pads edge blocks with NaN, which takes part in its order; nothing is padded otherwise.
        constexpr Key nan = sizeof(Key) == sizeof(kernels::Key32) ? Key(kernels::nan_key32) : Key(kernels::nan_key64);
        const int64_t height = padded_ ? block_.rows : rows, width = padded_ ? block_.columns : right - left;
        inside_.assign(size_t(height * width), nan);
        picked_.resize(inside_.size());
        for (int64_t r = 0; r < rows; ++r)
            std::copy_n(keys_.data() + r * matrix_.columns + left, right - left, inside_.data() + r * width);
        lowest_.flag(inside_.data(), height * width, zeros_, picked_.data());
        for (int64_t r = 0; r < rows; ++r)
            std::copy_n(picked_.data() + r * width, right - left, flags_.data() + r * matrix_.columns + left);
    }

    const Scores& scores_;
    MatrixShape matrix_;
    BlockShape block_;
    int64_t zeros_;
    bool padded_;
    Lowest lowest_;
    std::vector<Key> keys_, inside_;
    std::vector<uint8_t> flags_, picked_;
};

template <typename Key, typename Lowest>
Words lowest_in_blocks(const Scores& scores, MatrixShape matrix, BlockShape block, int64_t zeros, bool padded) {
    Words words = words_for(scores.size());
    const int64_t grain = rows_a_chunk(block.rows * matrix.columns);
    parallel_for(blocks_of(matrix, block).rows, grain, [&](int64_t begin, int64_t end) {
        kernels::BitWriter writer(words.data() + begin * block.rows * matrix.columns / 64);
        BlockRow<Key, Lowest> block_row(scores, matrix, block, zeros, padded);
        for (int64_t i = begin; i < end; ++i)
            block_row.append(i * block.rows, std::min(matrix.rows, (i + 1) * block.rows), writer);
        writer.finish();
    });
    return words;
}

template <typename Key>
Words lowest_in_each(const Scores& scores, MatrixShape matrix, const BlockRule& rule) {
    if (rule.ties == Ties::aten && rule.aten_order == AtenOrder::sort)
        return lowest_in_blocks<Key, kernels::LowestBySort<Key>>(scores, matrix, rule.block, rule.zeros, true);
    if (rule.ties == Ties::aten)
        return lowest_in_blocks<Key, kernels::LowestByAten<Key>>(scores, matrix, rule.block, rule.zeros, true);
    if (rule.block.rows == 1 && matrix.columns % rule.block.columns == 0)
        return lowest_in_groups<Key>(scores, rule.block.columns, rule.zeros);
    return lowest_in_blocks<Key, kernels::LowestOfFew<Key>>(scores, matrix, rule.block, rule.zeros, false);
}

/// A bit a weight: the blocks that the level takes.
template <typename Key>
Words taken_blocks(const Scores& scores, MatrixShape matrix, const BlockRule& rule) {
    const MatrixShape blocks = blocks_of(matrix, rule.block);
    const int64_t k = blocks_taken(rule.level, blocks.rows * blocks.columns, rule.spare_one);
    if (rule.block == BlockShape{1, 1}) return lowest_weights<Key>(scores, k, rule);
    return expand(lowest(block_keys<Key>(scores, matrix, rule.block), k, rule), matrix, rule.block);
}

}  // namespace

Words words_for(int64_t bits) {
    return Words(static_cast<size_t>((bits + 63) / 64));
}

template <typename Key>
Words lowest_by_aten(const std::vector<Key>& keys, int64_t k, AtenOrder order) {
    const auto count = int64_t(keys.size());
    Words words = words_for(count);
    if (k <= 0 || k >= count) {
        kernels::fill_bits(words.data(), 0, count, k > 0);
        return words;
    }
    const kernels::KeyReader<Key> reader = [&](int64_t begin, int64_t, Key*) { return keys.data() + begin; };
    const kernels::Cut<Key> cut = kernels::find_cut(reader, count, k);
    if (cut.equal == cut.ties) {  // all that equal the last one go too: their order decides nothing
        kernels::mark_below(reader, count, cut, words.data());
        return words;
    }
    std::vector<uint8_t> flags(keys.size());
    if (order == AtenOrder::sort)
        kernels::LowestBySort<Key>().flag_in_order(keys.data(), count, k, flags.data());
    else
        kernels::LowestByAten<Key>().flag_in_order(keys.data(), count, k, flags.data());
    for (int64_t i = 0; i < count; i += 64)
        words[size_t(i / 64)] = kernels::pack(flags.data() + i, std::min<int64_t>(64, count - i));
    return words;
}

int64_t blocks_taken(double level, int64_t blocks, bool spare_one) {
    if (!(level > 0) || blocks == 0) return 0;
    if (level >= 1) return blocks;
    return std::clamp<int64_t>(int64_t(std::nearbyint(level * double(blocks))), 0, blocks - (spare_one ? 1 : 0));
}

template <typename Key>
Mask prune_blocks(const Scores& scores, const Shape& shape, MatrixShape matrix, const BlockRule& rule) {
    const bool whole_blocks = rule.zeros >= rule.block.rows * rule.block.columns;
    if (scores.size() == 0 || !(rule.level > 0) || rule.zeros <= 0) return Mask::ones(shape);
    if (rule.level >= 1 && whole_blocks) return Mask::zeros(shape);
    Mask mask = Mask::zeros(shape);
    const auto kept = mask.words();
    const Words pruned =
        whole_blocks ? taken_blocks<Key>(scores, matrix, rule) : lowest_in_each<Key>(scores, matrix, rule);
    if (whole_blocks || rule.level >= 1) {
        for (size_t i = 0; i < kept.size(); ++i) kept[i] = ~pruned[i];
    } else {
        const Words taken = taken_blocks<Key>(scores, matrix, rule);
        for (size_t i = 0; i < kept.size(); ++i) kept[i] = ~(pruned[i] & taken[i]);
    }
    mask.clear_tail();
    return mask;
}

Mask mask_without(const std::vector<uint64_t>& taken, const Shape& shape, MatrixShape matrix, BlockShape block) {
    Mask mask = Mask::zeros(shape);
    const Words pruned = block == BlockShape{1, 1} ? taken : expand(taken, matrix, block);
    const auto kept = mask.words();
    for (size_t i = 0; i < kept.size(); ++i) kept[i] = ~pruned[i];
    mask.clear_tail();
    return mask;
}

template Mask prune_blocks<kernels::Key32>(const Scores&, const Shape&, MatrixShape, const BlockRule&);
template Mask prune_blocks<kernels::Key64>(const Scores&, const Shape&, MatrixShape, const BlockRule&);

template Words lowest_by_aten(const std::vector<kernels::Key32>&, int64_t, AtenOrder);
template Words lowest_by_aten(const std::vector<kernels::Key64>&, int64_t, AtenOrder);

}  // namespace lacuna
