// Selections large enough for the cut to be guessed from a sample: what the guess meets must not show in the result.
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "engine/base/parallel.h"
#include "engine/kernels/bracket.h"
#include "engine/kernels/key_runs.h"

namespace lacuna::kernels {
namespace {

template <typename Key>
KeyReader<Key> reader_of(const std::vector<Key>& keys) {
    return [&](int64_t begin, int64_t, Key*) { return keys.data() + begin; };
}

template <typename Key>
std::vector<uint64_t> selected(const std::vector<Key>& keys, int64_t k) {
    std::vector<uint64_t> words((keys.size() + 63) / 64, ~uint64_t(0));
    select_lowest(reader_of(keys), int64_t(keys.size()), k, words.data());
    return words;
}

template <typename Key>
std::vector<Key> random_keys(int64_t count, uint32_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Key> keys(static_cast<size_t>(count));
    for (Key& key : keys) key = Key(random()) & nan_key<Key>;
    return keys;
}

/// Compares with a sort by (key, index).
template <typename Key>
void expect_sorted_at_all_levels(const std::vector<Key>& keys) {
    std::vector<uint32_t> order(keys.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
    const auto count = int64_t(keys.size());
    std::vector<uint64_t> expected((keys.size() + 63) / 64);
    int64_t marked = 0;
    for (const int64_t k : {int64_t(1), int64_t(2), count / 1000, count / 4, count / 2 - 1, count / 2, count / 2 + 1,
                            count * 9 / 10, count - 2, count - 1}) {
        for (; marked < k; ++marked) {
            const uint32_t next = order[size_t(marked)];
            expected[next / 64] |= uint64_t(1) << next % 64;
        }
        ASSERT_EQ(selected(keys, k), expected) << "k " << k;
    }
}

template <typename Key>
class SelectLowest : public ::testing::Test {};
using Keys = ::testing::Types<Key32, Key64>;
TYPED_TEST_SUITE(SelectLowest, Keys);

TYPED_TEST(SelectLowest, WideKeysOverSeveralChunks) {
    expect_sorted_at_all_levels(random_keys<TypeParam>(2 * chunk_keys + 77, 1));
}

TYPED_TEST(SelectLowest, HalfOfTheKeysAreZero) {
    auto keys = random_keys<TypeParam>(200003, 2);
    for (size_t i = 0; i < keys.size(); ++i)
        if (i * 7919 % 200003 < 100000) keys[i] = 0;
    expect_sorted_at_all_levels(keys);
}

TYPED_TEST(SelectLowest, CrowdsOfEqualKeys) {
    auto keys = random_keys<TypeParam>(chunk_keys + 5, 3);
    for (TypeParam& key : keys) key = TypeParam(key % 3 == 0 ? nan_key<TypeParam> : key % 5 << 20);
    expect_sorted_at_all_levels(keys);
}

TYPED_TEST(SelectLowest, OneValue) {
    expect_sorted_at_all_levels(std::vector<TypeParam>(100000, TypeParam(7)));
}

/// The sample takes the first 8 of 64 keys: where those are unlike the others, every guess is wrong.
TYPED_TEST(SelectLowest, KeysThatMisleadTheSample) {
    for (const bool low : {false, true}) {
        auto keys = random_keys<TypeParam>(150000, 4);
        for (size_t i = 0; i < keys.size(); ++i) {
            const bool sampled = i % 64 < 8;
            keys[i] = (keys[i] >> 1) + (sampled == low ? TypeParam(0) : nan_key<TypeParam> / 2);
        }
        expect_sorted_at_all_levels(keys);
    }
}

/// The bracket of such a sample holds nearly all keys.
TYPED_TEST(SelectLowest, NearlyAllKeysInsideTheGuess) {
    auto keys = random_keys<TypeParam>(chunk_keys * 2, 5);
    for (size_t i = 0; i < keys.size(); ++i) {
        if (i % 64 < 8)
            keys[i] = i / 1024 % 2 ? 1 : nan_key<TypeParam> - 1;
        else
            keys[i] = nan_key<TypeParam> / 2 + keys[i] % 1000;
    }
    const auto bracket = guess_bracket(reader_of(keys), int64_t(keys.size()), int64_t(keys.size()) / 2);
    ASSERT_TRUE(bracket.has_value());
    std::vector<uint64_t> words(keys.size() / 64);
    EXPECT_FALSE(scan_bracket(reader_of(keys), int64_t(keys.size()), *bracket, words.data()).has_value());
    expect_sorted_at_all_levels(keys);
}

TYPED_TEST(SelectLowest, SortedKeys) {
    auto keys = random_keys<TypeParam>(300000, 6);
    std::sort(keys.begin(), keys.end());
    expect_sorted_at_all_levels(keys);
}

TYPED_TEST(SelectLowest, ScanCountsWhatItFinds) {
    const auto keys = random_keys<TypeParam>(100001, 7);
    auto sorted = keys;
    std::sort(sorted.begin(), sorted.end());
    const Bracket<TypeParam> bracket{sorted[40000], sorted[44000]};
    std::vector<uint64_t> words((keys.size() + 63) / 64, ~uint64_t(0));
    const auto scan = scan_bracket(reader_of(keys), int64_t(keys.size()), bracket, words.data());
    ASSERT_TRUE(scan.has_value());
    EXPECT_EQ(scan->below, std::lower_bound(sorted.begin(), sorted.end(), bracket.low) - sorted.begin());
    EXPECT_EQ(scan->at_low, std::count(keys.begin(), keys.end(), bracket.low));
    EXPECT_EQ(scan->at_high, std::count(keys.begin(), keys.end(), bracket.high));
    const auto inside = [&](TypeParam key) { return key > bracket.low && key < bracket.high; };
    EXPECT_EQ(scan->inside_count(), std::count_if(keys.begin(), keys.end(), inside));
    for (size_t i = 0; i < scan->inside[0].keys.size(); ++i)
        ASSERT_EQ(scan->inside[0].keys[i], keys[scan->inside[0].places[i]]);
    for (size_t i = 0; i < keys.size(); ++i) ASSERT_EQ(words[i / 64] >> i % 64 & 1, uint64_t(keys[i] <= bracket.low));
}

TYPED_TEST(SelectLowest, DoesNotDependOnThreads) {
    const auto keys = random_keys<TypeParam>(2 * chunk_keys + 1, 8);
    set_threads(1);
    const auto alone = selected(keys, chunk_keys);
    set_threads(7);
    EXPECT_EQ(selected(keys, chunk_keys), alone);
    set_threads(0);
}

}  // namespace
}  // namespace lacuna::kernels
