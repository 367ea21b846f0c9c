#include "engine/kernels/cut_of_few.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace lacuna::kernels {
namespace {

template <typename Key>
std::vector<uint8_t> by_sorting(const std::vector<Key>& keys, int64_t k) {
    std::vector<size_t> order(keys.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return keys[a] < keys[b]; });
    std::vector<uint8_t> flags(keys.size());
    for (int64_t i = 0; i < k; ++i) flags[order[size_t(i)]] = 1;
    return flags;
}

template <typename Key>
std::vector<uint8_t> by_cut(const std::vector<Key>& keys, int64_t k) {
    const auto count = int64_t(keys.size());
    std::vector<uint8_t> flags(keys.size(), 2);
    flag_below(keys.data(), count, cut_of_few(keys.data(), count, k), flags.data());
    return flags;
}

template <typename Key>
class CutOfFew : public ::testing::Test {
  protected:
    std::mt19937_64 random{7};

    /// Keys of weights as they are, and below `distinct` different ones.
    std::vector<Key> weights(size_t count, uint64_t distinct = ~uint64_t(0)) {
        std::normal_distribution<double> normal;
        std::vector<Key> keys(count);
        for (Key& key : keys) {
            if (distinct != ~uint64_t(0))
                key = Key(random() % distinct) << 20;
            else if constexpr (sizeof(Key) == 4)
                key = key_of(float(normal(random)));
            else
                key = key_of(normal(random));
        }
        return keys;
    }
    void expect_sorted(const std::vector<Key>& keys) {
        const auto count = int64_t(keys.size());
        const int64_t step = std::max<int64_t>(1, count / 50);
        for (int64_t k = 1; k <= count; k += step) ASSERT_EQ(by_cut(keys, k), by_sorting(keys, k)) << k;
        ASSERT_EQ(by_cut(keys, count), by_sorting(keys, count));
    }
};
using Keys = ::testing::Types<Key32, Key64>;
TYPED_TEST_SUITE(CutOfFew, Keys);

TYPED_TEST(CutOfFew, Weights) {
    for (const size_t count : {1, 2, 3, 17, 64, 4096, 4133}) this->expect_sorted(this->weights(count));
}

TYPED_TEST(CutOfFew, CrowdsOfEqualKeysGoByIndex) {
    for (const uint64_t distinct : {1, 2, 3, 40}) this->expect_sorted(this->weights(500, distinct));
}

TYPED_TEST(CutOfFew, TheEndsOfTheRange) {
    constexpr TypeParam infinite = sizeof(TypeParam) == 4 ? TypeParam(0x7f800000) : TypeParam(0x7ff0000000000000);
    std::vector<TypeParam> keys = this->weights(100);
    for (size_t i = 0; i < keys.size(); i += 3) keys[i] = i % 2 ? nan_key<TypeParam> : TypeParam(0);
    keys[50] = keys[51] = infinite;
    this->expect_sorted(keys);
    this->expect_sorted({0, nan_key<TypeParam>});
    this->expect_sorted({nan_key<TypeParam>, 0, nan_key<TypeParam>, 1, 0});
}

/// Each is the next float after the last: what halves the range evenly is far off, and what tries the middle ends.
TYPED_TEST(CutOfFew, OneLargeKeyAmongNeighbours) {
    std::vector<TypeParam> keys(300);
    std::iota(keys.begin(), keys.end(), TypeParam(1));
    keys[7] = nan_key<TypeParam> - 1;
    this->expect_sorted(keys);
}

}  // namespace
}  // namespace lacuna::kernels
