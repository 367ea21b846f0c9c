#include "engine/sparsifiers/block_rule.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/parallel.h"
#include "engine/kernels/bits.h"
#include "engine/sparsifiers/inside_blocks.h"

namespace lacuna {
namespace {

using Words = std::vector<uint64_t>;

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
            for (int64_t r = 0; r < rows; ++r) writer.append_bits(row.data(), 0, matrix.columns);
        }
        writer.finish();
    });
    return words;
}

/// A bit a weight: the blocks that the level takes.
template <typename Key>
Words taken_blocks(const Scores& scores, MatrixShape matrix, const BlockRule& rule) {
    const MatrixShape blocks = blocks_of(matrix, rule.block);
    const int64_t k = blocks_taken(rule.level, blocks.rows * blocks.columns, rule.spare_one);
    if (rule.block == BlockShape{1, 1})  // with the default ties their keys are never stored
        return lowest_of(scores.reader<Key>(), scores.size(), k, rule.ties, rule.aten_order);
    const std::vector<Key> keys = block_keys<Key>(scores, matrix, rule.block);
    return expand(lowest_of(keys, k, rule.ties, rule.aten_order), matrix, rule.block);
}

}  // namespace

Words words_for(int64_t bits) {
    return Words(static_cast<size_t>((bits + 63) / 64));
}

int64_t rows_a_chunk(int64_t row_weights) {
    const int64_t step = 64 / std::gcd(int64_t(64), row_weights);
    return step * std::max<int64_t>(1, (int64_t(1) << 18) / (step * row_weights));
}

template <typename Key>
Words lowest_of(const kernels::KeyReader<Key>& reader, int64_t count, int64_t k, Ties ties, AtenOrder order) {
    Words words = words_for(count);
    if (ties == Ties::aten)
        kernels::select_lowest_by_aten(reader, count, k, order, words.data());
    else
        kernels::select_lowest(reader, count, k, words.data());
    return words;
}

template <typename Key>
Words lowest_of(const std::vector<Key>& keys, int64_t k, Ties ties, AtenOrder order) {
    const kernels::KeyReader<Key> reader = [&](int64_t begin, int64_t, Key*) { return keys.data() + begin; };
    return lowest_of(reader, int64_t(keys.size()), k, ties, order);
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
        whole_blocks ? taken_blocks<Key>(scores, matrix, rule) : lowest_in_each(scores.reader<Key>(), matrix, rule);
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

template Words lowest_of(const kernels::KeyReader<kernels::Key32>&, int64_t, int64_t, Ties, AtenOrder);
template Words lowest_of(const kernels::KeyReader<kernels::Key64>&, int64_t, int64_t, Ties, AtenOrder);
template Words lowest_of(const std::vector<kernels::Key32>&, int64_t, Ties, AtenOrder);
template Words lowest_of(const std::vector<kernels::Key64>&, int64_t, Ties, AtenOrder);

}  // namespace lacuna
