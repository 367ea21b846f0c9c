#include "engine/kernels/radix_select.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

#include "engine/base/parallel.h"

namespace lacuna::kernels {
namespace {

/// The k lowest by (key, index), by sorting.
template <typename Key>
std::vector<bool> sorted_lowest(const std::vector<Key>& keys, int64_t k) {
    std::vector<size_t> order(keys.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return keys[a] < keys[b]; });
    std::vector<bool> lowest(keys.size());
    for (int64_t i = 0; i < k; ++i) lowest[order[size_t(i)]] = true;
    return lowest;
}

std::vector<bool> bits_of(const std::vector<uint64_t>& words, size_t count) {
    std::vector<bool> bits(count);
    for (size_t i = 0; i < count; ++i) bits[i] = words[i / 64] >> (i % 64) & 1;
    return bits;
}

template <typename Key>
std::vector<bool> selected(const std::vector<Key>& keys, int64_t k) {
    std::vector<uint64_t> words((keys.size() + 63) / 64, ~uint64_t(0));
    const KeyReader<Key> reader = [&](int64_t begin, int64_t, Key*) { return keys.data() + begin; };
    select_lowest(reader, int64_t(keys.size()), k, words.data());
    return bits_of(words, keys.size());
}

enum class Spread { wide, few_values, one_value, one_octave };

template <typename Key>
std::vector<Key> random_keys(size_t count, Spread spread, uint32_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Key> keys(count);
    for (auto& key : keys) {
        const Key any = Key(random()) & (sizeof(Key) == 4 ? Key(nan_key32) : Key(nan_key64));
        switch (spread) {
            case Spread::wide:
                key = any;
                break;
            case Spread::few_values:
                key = Key(random() % 5) << (sizeof(Key) * 8 - 5);
                break;
            case Spread::one_value:
                key = Key(7);
                break;
            case Spread::one_octave:
                key = (Key(3) << (sizeof(Key) * 8 - 4)) | (any >> 14);
                break;
        }
    }
    return keys;
}

template <typename Key>
class RadixSelect : public ::testing::Test {};
using Keys = ::testing::Types<Key32, Key64>;
TYPED_TEST_SUITE(RadixSelect, Keys);

TYPED_TEST(RadixSelect, EqualsAStableSort) {
    for (const size_t count : {size_t(1), size_t(2), size_t(63), size_t(64), size_t(65), size_t(5000), size_t(20000)})
        for (const Spread spread : {Spread::wide, Spread::few_values, Spread::one_value, Spread::one_octave}) {
            const auto keys = random_keys<TypeParam>(count, spread, uint32_t(count));
            for (const double share : {0.0, 0.001, 0.25, 0.5, 0.99, 1.0}) {
                const auto k = int64_t(share * double(count));
                ASSERT_EQ(selected(keys, k), sorted_lowest(keys, k)) << count << " keys, k " << k;
            }
        }
}

TYPED_TEST(RadixSelect, SameAtAnyNumberOfThreads) {
    const size_t count = (1 << 20) + 77;  // several chunks
    for (const Spread spread : {Spread::wide, Spread::few_values, Spread::one_octave}) {
        const auto keys = random_keys<TypeParam>(count, spread, 8);
        const auto k = int64_t(count * 6 / 10);
        const auto expected = sorted_lowest(keys, k);
        for (const int threads : {1, 2, 7}) {
            set_threads(threads);
            ASSERT_EQ(selected(keys, k), expected) << threads << " threads";
        }
    }
    set_threads(0);
}

TYPED_TEST(RadixSelect, CutTellsTiesApart) {
    const std::vector<TypeParam> keys{5, 3, 3, 9, 3, 1};
    const KeyReader<TypeParam> reader = [&](int64_t begin, int64_t, TypeParam*) { return keys.data() + begin; };
    const Cut<TypeParam> cut = find_cut(reader, 6, 3);
    EXPECT_EQ(cut.key, TypeParam(3));
    EXPECT_EQ(cut.equal, 2);
    EXPECT_EQ(cut.ties, 3);
}

TEST(Keys, OrderOfScores) {
    const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> rising{0, 1e-45f, 1e-38f, 0.5f, 1, 3e38f, inf};
    for (size_t i = 1; i < rising.size(); ++i) EXPECT_LT(key_of(rising[i - 1]), key_of(rising[i]));
    EXPECT_LT(key_of(inf), key_of(nan));
    EXPECT_EQ(key_of(nan), key_of(std::bit_cast<float>(0xffc12345u)));
    EXPECT_EQ(key_of(-0.0f), key_of(0.0f));
    EXPECT_LT(key_of(double(inf)), key_of(double(nan)));
    EXPECT_EQ(key_of(-0.0), key_of(0.0));
}

TEST(Keys, HalfPrecisionIsWidenedExactly) {
    std::vector<uint16_t> halves(65536);
    std::iota(halves.begin(), halves.end(), uint16_t(0));
    std::vector<Key32> keys(halves.size());
    keys_f16(halves.data(), int64_t(halves.size()), false, keys.data());
    EXPECT_EQ(keys[0x3c00], key_of(1.0f));
    EXPECT_EQ(keys[0xbc00], key_of(1.0f));
    EXPECT_EQ(keys[0x0001], key_of(0x1p-24f));
    EXPECT_EQ(keys[0x7bff], key_of(65504.0f));
    EXPECT_EQ(keys[0x7c00], key_of(std::numeric_limits<float>::infinity()));
    EXPECT_EQ(keys[0x7c01], nan_key32);
    for (size_t i = 1; i < 0x7c00; ++i) ASSERT_LT(keys[i - 1], keys[i]);
    keys_bf16(halves.data(), int64_t(halves.size()), true, keys.data());
    EXPECT_EQ(keys[0x3fc0], key_of(2.25f));  // 1.5²
    EXPECT_EQ(keys[0x7f80], key_of(std::numeric_limits<float>::infinity()));
}

}  // namespace
}  // namespace lacuna::kernels
