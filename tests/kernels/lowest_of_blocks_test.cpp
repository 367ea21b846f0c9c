#include "engine/kernels/lowest_of_blocks.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>

#include "engine/kernels/cut_of_few.h"
#include "engine/kernels/nm_mask.h"

namespace lacuna::kernels {
namespace {

TEST(SelectionNetwork, BringsTheLowestOfZerosAndOnesToItsPlace) {
    // A network that sorts zeros and ones sorts everything (Knuth, 5.3.4 Z).
    for (int64_t places = 1; places <= 12; ++places)
        for (int64_t k = 1; k <= places; ++k) {
            const auto network = selection_network(places, k);
            for (uint32_t inputs = 0; inputs < uint32_t(1) << places; ++inputs) {
                uint32_t bits = inputs;
                for (const auto [first, second] : network) {
                    const uint32_t a = bits >> first & 1, b = bits >> second & 1;
                    bits = (bits & ~(1u << first | 1u << second)) | (a & b) << first | (a | b) << second;
                }
                ASSERT_EQ(bits >> (k - 1) & 1, uint32_t(places - std::popcount(inputs) < k)) << k << " of " << places;
            }
        }
}

TEST(SelectionNetwork, LeavesOutWhatThePlaceDoesNotDependOn) {
    EXPECT_EQ(selection_network(1, 1).size(), 0u);
    EXPECT_EQ(selection_network(2, 1).size(), 1u);
    EXPECT_EQ(selection_network(64, 1).size(), 63u);
    EXPECT_LT(selection_network(64, 32).size(), 543u);  // what sorting takes
}

/// Bits of the `zeros` lowest of a block's keys by (key, index), and whether equal ones were chosen among.
template <typename Key>
std::pair<std::vector<bool>, bool> by_sorting(const std::vector<Key>& keys, int64_t zeros) {
    std::vector<size_t> order(keys.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return keys[a] < keys[b]; });
    std::vector<bool> lowest(keys.size());
    const auto taken = size_t(std::min(zeros, int64_t(keys.size())));
    for (size_t i = 0; i < taken; ++i) lowest[order[i]] = true;
    const bool choice = taken > 0 && taken < keys.size() && keys[order[taken - 1]] == keys[order[taken]];
    return {lowest, choice};
}

template <typename Key>
class LowestInBlocks : public ::testing::Test {
  protected:
    std::mt19937_64 random{3};

    /// Exactly so many keys in memory of their own, so that a read past them shows under a sanitizer.
    std::unique_ptr<Key[]> keys(int64_t count, uint64_t distinct) {
        auto keys = std::make_unique_for_overwrite<Key[]>(size_t(count));
        for (int64_t i = 0; i < count; ++i)
            keys[size_t(i)] = distinct == 0 ? Key(random()) & nan_key<Key> : nan_key<Key> - Key(random() % distinct);
        return keys;
    }
};
using Keys = ::testing::Types<Key32, Key64>;
TYPED_TEST_SUITE(LowestInBlocks, Keys);

TYPED_TEST(LowestInBlocks, AreWhatASortFinds) {
    struct Case {
        int64_t rows, width, across, down, beside;
    };
    for (const auto& [rows, width, across, down, beside] :
         {Case{1, 1, 5, 2, 0}, Case{1, 2, 40, 1, 0}, Case{1, 3, 17, 3, 0}, Case{1, 4, 16, 1, 0}, Case{1, 6, 33, 2, 0},
          Case{1, 6, 1, 40, 1}, Case{2, 1, 18, 2, 0}, Case{2, 1, 17, 1, 0}, Case{4, 4, 16, 2, 0}, Case{4, 4, 50, 3, 3},
          Case{3, 5, 21, 2, 2}, Case{5, 3, 1, 35, 0}, Case{8, 8, 18, 2, 5}, Case{1, 64, 70, 1, 0},
          Case{1, 33, 20, 1, 0}, Case{1, 65, 3, 2, 0}, Case{9, 9, 3, 2, 4}, Case{2, few_keys, 2, 1, 0}})
        for (const uint64_t distinct : {0, 1, 3, 40})
            for (const int64_t zeros : {int64_t(0), int64_t(1), rows * width / 2, rows * width - 1, rows * width + 3}) {
                const int64_t stride = across * width + beside, count = across * down;
                const auto keys = this->keys(down * rows * stride - beside, distinct);
                const LowestOfBlocks<TypeParam> lowest(rows, width, zeros);
                std::vector<uint64_t> bits(size_t(count * lowest.words()), ~uint64_t(0));
                std::vector<uint8_t> choices(size_t(count), uint8_t(2));
                lowest.find(keys.get(), {stride, across, count}, bits.data(), choices.data());
                for (int64_t block = 0; block < count; ++block) {
                    std::vector<TypeParam> inside;
                    for (int64_t row = 0; row < rows; ++row) {
                        const int64_t at = (block / across * rows + row) * stride + block % across * width;
                        inside.insert(inside.end(), keys.get() + at, keys.get() + at + width);
                    }
                    const auto [expected, choice] = by_sorting(inside, zeros);
                    std::vector<bool> found(expected.size());
                    for (size_t i = 0; i < found.size(); ++i)
                        found[i] = bits[size_t(block * lowest.words()) + i / 64] >> i % 64 & 1;
                    ASSERT_EQ(found, expected) << zeros << " of " << rows << "×" << width << ", block " << block;
                    ASSERT_EQ(choices[size_t(block)], uint8_t(choice)) << zeros << " of " << rows << "×" << width;
                }
            }
}

TYPED_TEST(LowestInBlocks, OfGroupsFollowOneAnotherBitByBit) {
    for (const int64_t group : {1, 2, 4, 6, 8, 13, 16, 32, 64, 100})
        for (const int64_t count : {3, 64, 192, 1000})
            for (const int64_t zeros : {int64_t(0), int64_t(1), int64_t(2), group / 2, group})
                for (const uint64_t distinct : {0, 5}) {
                    const auto keys = this->keys(count, distinct);
                    std::vector<uint64_t> words(size_t(count + 63) / 64, ~uint64_t(0));
                    LowestOfGroups<TypeParam>(group, zeros).mark(keys.get(), count, words.data());
                    std::vector<bool> expected, found;
                    for (int64_t first = 0; first < count; first += group) {
                        const std::vector<TypeParam> here(keys.get() + first,
                                                          keys.get() + std::min(count, first + group));
                        const auto lowest = by_sorting(here, zeros).first;
                        expected.insert(expected.end(), lowest.begin(), lowest.end());
                    }
                    expected.resize(words.size() * 64);
                    for (size_t i = 0; i < expected.size(); ++i) found.push_back(words[i / 64] >> i % 64 & 1);
                    ASSERT_EQ(found, expected) << zeros << " of " << group << ", " << count << " keys";
                }
}

}  // namespace
}  // namespace lacuna::kernels
