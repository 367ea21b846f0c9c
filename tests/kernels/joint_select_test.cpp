#include "engine/kernels/joint_select.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "engine/base/parallel.h"

namespace lacuna::kernels {
namespace {

using Runs = std::vector<std::vector<Key32>>;

std::vector<KeyRun<Key32>> readers(const Runs& runs) {
    std::vector<KeyRun<Key32>> result;
    for (const auto& run : runs)
        result.push_back({[&run](int64_t begin, int64_t, Key32*) { return run.data() + begin; }, int64_t(run.size())});
    return result;
}

/// By one stable sort of all keys.
std::vector<bool> expected(const Runs& runs, int64_t k) {
    std::vector<std::pair<Key32, size_t>> all;
    for (const auto& run : runs)
        for (const Key32 key : run) all.emplace_back(key, all.size());
    std::vector<bool> chosen(all.size());
    std::sort(all.begin(), all.end());
    for (int64_t i = 0; i < k; ++i) chosen[all[size_t(i)].second] = true;
    return chosen;
}

std::vector<uint64_t> lowest_of_all(const std::vector<KeyRun<Key32>>& runs, int64_t k) {
    int64_t count = 0;
    for (const auto& run : runs) count += run.count;
    std::vector<uint64_t> words(size_t(count + 63) / 64);
    select_lowest(joined<Key32>(runs), count, k, words.data());
    return words;
}

void expect_selection(const Runs& runs, int64_t k) {
    const auto words = lowest_of_all(readers(runs), k);
    const auto chosen = expected(runs, k);
    ASSERT_EQ(words.size(), (chosen.size() + 63) / 64);
    for (size_t i = 0; i < words.size() * 64; ++i) {
        const bool bit = words[i / 64] >> (i % 64) & 1;
        ASSERT_EQ(bit, i < chosen.size() && chosen[i]) << "k " << k << ", key " << i;
    }
}

TEST(JointSelect, AgreesWithASort) {
    std::mt19937 random(5);
    for (const uint32_t distinct : {1u, 3u, 1000u, 0x7fffffffu})
        for (int round = 0; round < 12; ++round) {
            Runs runs(1 + random() % 6);
            for (auto& run : runs) {
                run.resize(random() % 3 == 0 ? random() % 3 : random() % 9000);  // none, few, more than a read
                for (Key32& key : run) key = random() % distinct;
            }
            const auto total = std::accumulate(runs.begin(), runs.end(), int64_t(0),
                                               [](int64_t sum, const auto& run) { return sum + int64_t(run.size()); });
            for (const int64_t k : {int64_t(0), int64_t(1), total / 3, total / 2, total - 1, total})
                if (k >= 0 && k <= total) expect_selection(runs, k);
        }
}

TEST(JointSelect, TiesGoToTheEarlierRun) {
    const auto words = lowest_of_all(readers({{7, 5, 7}, {7, 7}, {1, 7}}), 4);
    EXPECT_EQ(words, std::vector<uint64_t>{0b01'00'111});
}

TEST(JointSelect, SeveralChunksAtAnyNumberOfThreads) {
    std::mt19937 random(9);
    Runs runs{std::vector<Key32>(700'001), std::vector<Key32>(3), std::vector<Key32>(1'300'000)};
    for (auto& run : runs)
        for (Key32& key : run) key = random() % 50;  // ties in every chunk
    for (const int count : {1, 3}) {
        set_threads(count);
        expect_selection(runs, 1'111'111);
    }
    set_threads(0);
}

TEST(JointSelect, WhatAReaderThrowsComesOut) {
    const std::vector<KeyRun<Key32>> runs{{[](int64_t, int64_t, Key32*) -> const Key32* { throw 7; }, 100}};
    EXPECT_THROW(lowest_of_all(runs, 3), int);
}

}  // namespace
}  // namespace lacuna::kernels
