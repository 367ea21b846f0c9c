#include "engine/sparsifiers/cut_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <random>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/kernels/joint_select.h"

namespace lacuna {
namespace {

using kernels::Key32, kernels::Key64, kernels::nan_key;

template <typename Key>
struct Unit {
    std::vector<std::vector<Key>> tensors;
    std::atomic<int64_t> opened = 0;  ///< keys that were opened, all passes together

    UnitKeys<Key> keys() {
        UnitKeys<Key> keys;
        for (const auto& tensor : tensors) keys.counts.push_back(int64_t(tensor.size()));
        keys.weights = keys.counts;
        keys.open = [this](size_t i, const auto& look) {
            opened += int64_t(tensors[i].size());
            look([this, i](int64_t begin, int64_t, Key*) { return tensors[i].data() + begin; });
        };
        keys.read = [this](size_t i, int64_t begin, int64_t end, Key* out) {
            ASSERT_TRUE(begin < end && end <= int64_t(tensors[i].size()));
            std::copy(tensors[i].begin() + begin, tensors[i].begin() + end, out);
        };
        return keys;
    }
    int64_t total() const {
        int64_t sum = 0;
        for (const auto& tensor : tensors) sum += int64_t(tensor.size());
        return sum;
    }
    double passes() const { return double(opened) / double(total()); }

    /// What each tensor's cut marks, one behind the other.
    std::vector<bool> marked(int64_t k, CutLimits limits, const TensorsLeft& left = {}) {
        opened = 0;
        Progress progress;
        const auto cuts = find_cuts(keys(), k, progress, left, limits);
        EXPECT_EQ(cuts.size(), tensors.size());
        std::vector<bool> bits;
        for (size_t i = 0; i < tensors.size(); ++i) {
            const auto count = int64_t(tensors[i].size());
            std::vector<uint64_t> words(size_t(count + 63) / 64);
            const kernels::KeyReader<Key> reader = [&](int64_t begin, int64_t, Key*) {
                return tensors[i].data() + begin;
            };
            kernels::mark_below(reader, count, cuts[i], words.data());
            for (int64_t j = 0; j < count; ++j) bits.push_back(words[size_t(j / 64)] >> (j % 64) & 1);
        }
        return bits;
    }
    /// What they mark if all keys are held.
    std::vector<bool> expected(int64_t k) const {
        std::vector<kernels::KeyRun<Key>> runs;
        for (const auto& tensor : tensors)
            runs.push_back(
                {[&tensor](int64_t begin, int64_t, Key*) { return tensor.data() + begin; }, int64_t(tensor.size())});
        std::vector<uint64_t> words(size_t(total() + 63) / 64);
        kernels::select_lowest<Key>(kernels::joined<Key>(runs), total(), k, words.data());
        std::vector<bool> bits;
        for (int64_t j = 0; j < total(); ++j) bits.push_back(words[size_t(j / 64)] >> (j % 64) & 1);
        return bits;
    }
};

/// The magnitude of a normal weight: of full precision, or of 16 bits.
template <typename Key>
Key weight(std::mt19937& random, double scale, bool narrow) {
    using Score = decltype(kernels::score_of(Key()));
    const Key bits = kernels::key_of(std::normal_distribution<Score>(0, Score(scale))(random));
    return narrow ? bits >> (sizeof(Key) * 8 - 16) << (sizeof(Key) * 8 - 16) : bits;
}

template <typename Key>
void fill(Unit<Key>& unit, std::mt19937& random, int kind) {
    const auto tensors = 1 + random() % 9;
    for (size_t i = 0; i < tensors; ++i) {
        auto& tensor = unit.tensors.emplace_back(random() % 4 == 0 ? random() % 3 : random() % 20'000);
        const double scale = std::exp2(double(random() % 7));
        for (Key& one : tensor) switch (kind) {
                case 0:
                    one = weight<Key>(random, scale, true);
                    break;
                case 1:
                    one = weight<Key>(random, scale, false);
                    break;
                case 2:  // half zeros, some NaN
                    one = random() % 2 ? 0 : random() % 50 ? weight<Key>(random, 1, false) : nan_key<Key>;
                    break;
                case 3:
                    one = Key(random() % 3);
                    break;
                default:  // sorted over all: a sample of places is no sample of values
                    one = Key((i << 20) + size_t(&one - tensor.data()));
            }
    }
}

template <typename Key>
void agree_with_held_keys() {
    std::mt19937 random(17);
    for (int round = 0; round < 60; ++round) {
        Unit<Key> unit;
        fill(unit, random, round % 5);
        const int64_t total = unit.total();
        for (const int64_t k : {int64_t(0), int64_t(1), total / 50, total / 3, total / 2, total - 1, total}) {
            if (k < 0 || k > total) continue;
            const std::vector<bool> expected = unit.expected(k);
            // All kept; a sample; so little room that what is near the cut cannot be kept, or one key alone.
            for (const CutLimits limits : {CutLimits{}, CutLimits{100, 1 << 20}, CutLimits{100, 512}, CutLimits{1, 8}})
                ASSERT_EQ(unit.marked(k, limits), expected)
                    << "round " << round << ", k " << k << ", room " << limits.kept_bytes;
        }
    }
}

TEST(CutSearch, SelectsAsWithAllKeysHeld32) {
    agree_with_held_keys<Key32>();
}
TEST(CutSearch, SelectsAsWithAllKeysHeld64) {
    agree_with_held_keys<Key64>();
}

/// Tensors of several chunks with scales of their own, as a model has them.
template <typename Key>
void fill_like_a_model(Unit<Key>& unit, bool narrow) {
    std::mt19937 random(3);
    for (const size_t size : {1'500'000, 700, 64, 900'000, 5'000, 2'000'000, 600'000})
        for (auto& one : unit.tensors.emplace_back(size))
            one = weight<Key>(random, double(1 + unit.tensors.size() % 3), narrow);
}

TEST(CutSearch, OnePassIsEnoughForAModel) {
    for (const bool narrow : {false, true}) {
        Unit<Key32> unit;
        fill_like_a_model(unit, narrow);
        for (const double level : {0.02, 0.3, 0.5, 0.9, 0.99}) {
            const auto k = int64_t(level * double(unit.total()));
            EXPECT_EQ(unit.marked(k, CutLimits{}), unit.expected(k)) << level;
            EXPECT_EQ(unit.passes(), 1) << level;
        }
    }
}

TEST(CutSearch, WhatItKeepsStaysSmall) {
    Unit<Key32> unit;
    fill_like_a_model(unit, false);
    const int64_t k = unit.total() / 2;
    const CutLimits twentieth{1 << 22, unit.total() / 20 * int64_t(sizeof(Key32))};
    EXPECT_EQ(unit.marked(k, twentieth), unit.expected(k));
    EXPECT_EQ(unit.passes(), 1);
    EXPECT_EQ(unit.marked(k, {1 << 22, 40}), unit.expected(k)) << "too little room: the cut is found bit by bit";
    EXPECT_LE(unit.passes(), 4);
}

TEST(CutSearch, AModelThatIsHalfZerosTakesOnePass) {
    Unit<Key32> unit;
    fill_like_a_model(unit, false);
    for (auto& tensor : unit.tensors)
        for (size_t i = 0; i < tensor.size(); i += 2) tensor[i] = 0;
    for (const int64_t k : {unit.total() / 3, unit.total() / 2, unit.total() * 3 / 4}) {
        EXPECT_EQ(unit.marked(k, CutLimits{}), unit.expected(k));
        EXPECT_EQ(unit.passes(), 1);
    }
}

TEST(CutSearch, NothingAndAllAreKnownWithoutALook) {
    Unit<Key32> unit;
    unit.tensors = {{5, 0, nan_key<Key32>}, {}, {7}};
    EXPECT_EQ(unit.marked(0, {}), std::vector<bool>(4, false));
    EXPECT_EQ(unit.passes(), 0);
    EXPECT_EQ(unit.marked(4, {}), std::vector<bool>(4, true));
    EXPECT_EQ(unit.passes(), 0);
}

TEST(CutSearch, TheSameAtAnyNumberOfThreads) {
    Unit<Key32> unit;
    fill_like_a_model(unit, true);
    const int64_t k = unit.total() / 2;
    const std::vector<bool> expected = unit.expected(k);
    for (const int count : {1, 3}) {
        set_threads(count);
        EXPECT_EQ(unit.marked(k, {}), expected);
        EXPECT_EQ(unit.marked(k, {100, 1 << 10}), expected);
    }
    set_threads(0);
}

TEST(CutSearch, TellsOfTheTensorsThatItLeaves) {
    Unit<Key32> unit;
    fill_like_a_model(unit, false);
    std::vector<int> left(unit.tensors.size());
    unit.marked(unit.total() / 2, {}, [&](std::span<const size_t> tensors) {
        for (const size_t i : tensors) ++left[i];
    });
    for (const int times : left) EXPECT_GE(times, 2) << "of the sample and of the pass";
}

TEST(CutSearch, IsCancelledBetweenTensors) {
    Unit<Key32> unit;
    fill_like_a_model(unit, false);
    CancelToken token;
    Progress progress({}, token);
    const TensorsLeft cancel = [&](std::span<const size_t>) { token.cancel(); };
    EXPECT_THROW(find_cuts(unit.keys(), 1000, progress, cancel), Cancelled);
    EXPECT_LT(unit.passes(), 1);
}

}  // namespace
}  // namespace lacuna
