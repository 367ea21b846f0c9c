#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <random>

#include "engine/kernels/cut_of_few.h"
#include "engine/sparsifiers/inside_blocks.h"

namespace lacuna {
namespace {

using kernels::Key32;

/// The selection by ATen's own algorithm over all keys, whether ties decide or not.
std::vector<uint64_t> by_algorithm(const std::vector<Key32>& keys, int64_t k, AtenOrder order) {
    std::vector<uint64_t> words = words_for(int64_t(keys.size()));
    if (k > 0) kernels::LowestByAten<Key32>(order).mark(keys.data(), int64_t(keys.size()), k, words.data());
    return words;
}

std::vector<Key32> drawn(std::mt19937& random, size_t count, uint32_t kinds) {
    std::vector<Key32> keys(count);
    for (Key32& key : keys) key = random() % kinds;
    keys[count / 3] = keys[count / 2] = kernels::nan_key32;
    return keys;
}

/// Where no tie decides, a quicker way is taken: it must select what the algorithm does.
TEST(AtenOrder, QuickWayAndAlgorithmAgree) {
    std::mt19937 random(1);
    for (const size_t count : {size_t(17), size_t(300), size_t(20011), size_t(70001)})
        for (const uint32_t kinds : {7u, 1000u, 0x7fffffffu}) {
            const std::vector<Key32> keys = drawn(random, count, kinds);
            const auto all = int64_t(count);
            for (const AtenOrder order : {AtenOrder::topk, AtenOrder::sort})
                for (const int64_t k :
                     {int64_t(0), int64_t(1), int64_t(2), all / 65, all / 4, all / 2, all - 3, all - 2, all - 1, all})
                    ASSERT_EQ(lowest_of(keys, k, Ties::aten, order), by_algorithm(keys, k, order))
                        << count << " keys, " << kinds << " kinds, k " << k;
        }
}

/// Inside blocks too: whole ones in the order of the algorithm, smaller ones filled up with NaN.
TEST(AtenOrder, InsideBlocks) {
    std::mt19937 random(2);
    constexpr MatrixShape matrix{22, 39};
    for (const BlockShape block :
         {BlockShape{1, 4}, BlockShape{1, 13}, BlockShape{4, 4}, BlockShape{5, 16}, BlockShape{30, 2}})
        for (const uint32_t kinds : {3u, 50u, 0x7fffffffu})
            for (const AtenOrder order : {AtenOrder::topk, AtenOrder::sort}) {
                const std::vector<Key32> keys = drawn(random, size_t(matrix.rows * matrix.columns), kinds);
                const int64_t size = block.rows * block.columns, zeros = size / 2;
                const kernels::KeyReader<Key32> reader = [&](int64_t begin, int64_t, Key32*) {
                    return &keys[size_t(begin)];
                };
                const auto words = lowest_in_each(
                    reader, matrix,
                    {.level = 1, .block = block, .zeros = zeros, .ties = Ties::aten, .aten_order = order});
                for (int64_t top = 0; top < matrix.rows; top += block.rows)
                    for (int64_t left = 0; left < matrix.columns; left += block.columns) {
                        std::vector<Key32> inside(size_t(size), kernels::nan_key32);
                        const int64_t bottom = std::min(matrix.rows, top + block.rows);
                        const int64_t right = std::min(matrix.columns, left + block.columns);
                        for (int64_t row = top; row < bottom; ++row)
                            for (int64_t column = left; column < right; ++column)
                                inside[size_t((row - top) * block.columns + column - left)] =
                                    keys[size_t(row * matrix.columns + column)];
                        const auto expected = by_algorithm(inside, zeros, order);
                        for (int64_t row = top; row < bottom; ++row)
                            for (int64_t column = left; column < right; ++column) {
                                const auto i = size_t((row - top) * block.columns + column - left);
                                const auto at = size_t(row * matrix.columns + column);
                                ASSERT_EQ(words[at / 64] >> at % 64 & 1, expected[i / 64] >> i % 64 & 1)
                                    << block.rows << "×" << block.columns << ", row " << row << ", column " << column;
                            }
                    }
            }
}

/// Keys are counted by trying in 32 bits while they are few, and by digits from there on.
TEST(LowestOf, AtTheBorderOfFewKeys) {
    std::mt19937 random(3);
    for (const int64_t count :
         {kernels::few_keys - 1, kernels::few_keys, kernels::few_keys + 1, 2 * kernels::few_keys + 5})
        for (const uint32_t kinds : {1u, 90u, 0x7fffffffu}) {
            const std::vector<Key32> keys = drawn(random, size_t(count), kinds);
            std::vector<size_t> order(keys.size());
            std::iota(order.begin(), order.end(), size_t(0));
            std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return keys[a] < keys[b]; });
            for (const int64_t k : {int64_t(1), count / 2, count - 1}) {
                std::vector<uint64_t> expected = words_for(count);
                for (int64_t i = 0; i < k; ++i) expected[order[size_t(i)] / 64] |= uint64_t(1) << order[size_t(i)] % 64;
                ASSERT_EQ(lowest_of(keys, k, Ties::lowest), expected)
                    << count << " keys, " << kinds << " kinds, k " << k;
            }
        }
}

}  // namespace
}  // namespace lacuna
