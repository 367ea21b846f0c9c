#include "engine/mask/mask.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<uint8_t> random_bytes(int64_t count, double kept, uint32_t seed) {
    std::mt19937 random(seed);
    std::bernoulli_distribution keep(kept);
    std::vector<uint8_t> bytes(static_cast<size_t>(count));
    for (auto& byte : bytes) byte = keep(random);
    return bytes;
}

Mask random_mask(Shape shape, double kept, uint32_t seed) {
    const int64_t count = element_count(shape);
    return Mask::from_bytes(std::move(shape), random_bytes(count, kept, seed));
}

TEST(Mask, StartsWithEverythingOrNothing) {
    for (const Shape& shape :
         {Shape{}, Shape{0}, Shape{3, 0, 2}, Shape{1}, Shape{64}, Shape{5, 13}, Shape{2, 3, 4, 5}}) {
        const Mask ones = Mask::ones(shape), zeros = Mask::zeros(shape);
        EXPECT_EQ(ones.kept(), element_count(shape)) << to_string(shape);
        EXPECT_EQ(zeros.kept(), 0) << to_string(shape);
        EXPECT_EQ(ones, ~zeros) << to_string(shape);
        EXPECT_EQ(zeros, ~ones) << to_string(shape);
        EXPECT_EQ(ones.shape(), shape);
    }
    EXPECT_EQ(Mask().size(), 0);
    EXPECT_EQ(Mask().sparsity(), 0);
    EXPECT_EQ(Mask().shape(), Shape{0});
}

TEST(Mask, BytesThereAndBack) {
    for (const int64_t count : {1, 63, 64, 65, 127, 128, 1000, 1 << 20}) {
        const auto bytes = random_bytes(count, 0.4, uint32_t(count));
        const Mask mask = Mask::from_bytes({count}, bytes);
        EXPECT_EQ(mask.to_bytes(), bytes) << count;
        EXPECT_EQ(mask.kept(), std::accumulate(bytes.begin(), bytes.end(), int64_t(0)));
        for (int64_t i = 0; i < std::min<int64_t>(count, 300); ++i) ASSERT_EQ(mask[i], bytes[size_t(i)] != 0) << i;
    }
}

TEST(Mask, AnyByteThatIsNotZeroKeeps) {
    std::vector<uint8_t> bytes(256);
    std::iota(bytes.begin(), bytes.end(), uint8_t(0));
    const Mask mask = Mask::from_bytes({256}, bytes);
    EXPECT_FALSE(mask[0]);
    EXPECT_EQ(mask.kept(), 255);
}

TEST(Mask, WrongNumberOfBytesIsAnError) {
    const std::vector<uint8_t> bytes(5);
    try {
        Mask::from_bytes({2, 3}, bytes);
        FAIL() << "no error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::argument);
        EXPECT_THAT(error.what(), HasSubstr("5 bytes"));
        EXPECT_THAT(error.what(), HasSubstr("[2, 3]"));
    }
    std::vector<uint8_t> room(3);
    EXPECT_THROW(Mask::ones({4}).to_bytes(room), Error);
}

TEST(Mask, FromTensorKeepsWhatIsNotZero) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> floats{0, -0.0f, 1, -1, nan, 1e-45f};
    EXPECT_THAT(Mask::from_tensor(contiguous_view(floats.data(), DType::F32, {2, 3})).to_bytes(),
                ElementsAre(0, 0, 1, 1, 1, 1));
    const std::vector<int64_t> integers{0, 3, -1};
    EXPECT_THAT(Mask::from_tensor(contiguous_view(integers.data(), DType::I64, {3})).to_bytes(), ElementsAre(0, 1, 1));
    const std::vector<uint8_t> bytes{0, 1, 200, 0};
    EXPECT_THAT(Mask::from_tensor(contiguous_view(bytes.data(), DType::BOOL, {4})).to_bytes(), ElementsAre(0, 1, 1, 0));
    const TensorView transposed{reinterpret_cast<const std::byte*>(bytes.data()), DType::U8, {2, 2}, {1, 2}};
    EXPECT_THAT(Mask::from_tensor(transposed).to_bytes(), ElementsAre(0, 1, 1, 0));
}

TEST(Mask, RangesAgreeWithSingleWeights) {
    std::mt19937 random(3);
    const auto place = [&](int64_t below) { return int64_t(random() % uint32_t(below)); };
    Mask fast = random_mask({400}, 0.5, 4), slow = fast;
    for (int round = 0; round < 500; ++round) {
        const int64_t begin = place(401), last = begin + place(401 - begin);
        const bool keep = place(2) == 1;
        fast.set_range(begin, last, keep);
        for (int64_t i = begin; i < last; ++i) slow.set(i, keep);
        ASSERT_EQ(fast, slow) << begin << " " << last;
        const int64_t from = place(401), to = std::max(from, place(401));
        int64_t kept = 0;
        for (int64_t i = from; i < to; ++i) kept += slow[i];
        ASSERT_EQ(fast.kept_in(from, to), kept) << from << " " << to;
    }
}

TEST(Mask, SetOperationsFollowTheirBits) {
    for (const int64_t count : {7, 64, 200, 70000}) {
        const Mask a = random_mask({count}, 0.3, 1), b = random_mask({count}, 0.6, 2);
        const Mask both = a & b, either = a | b, differ = a ^ b, only = a - b, none = ~a;
        for (int64_t i = 0; i < count; ++i) {
            ASSERT_EQ(both[i], a[i] && b[i]);
            ASSERT_EQ(either[i], a[i] || b[i]);
            ASSERT_EQ(differ[i], a[i] != b[i]);
            ASSERT_EQ(only[i], a[i] && !b[i]);
            ASSERT_EQ(none[i], !a[i]);
        }
        EXPECT_EQ(~(a | b), ~a & ~b);
        EXPECT_EQ(a - b, a & ~b);
        EXPECT_EQ(none.kept(), count - a.kept());  // the tail stays clear
    }
    EXPECT_THROW(Mask::ones({4}) & Mask::ones({2, 2}), Error);
}

TEST(Mask, SameAtAnyNumberOfThreads) {
    const Shape shape{3000, 701};
    const auto bytes = random_bytes(element_count(shape), 0.5, 9);
    std::vector<float> values(bytes.begin(), bytes.end());
    const TensorView view = contiguous_view(values.data(), DType::F32, shape);
    for (const int count : {1, 2, 7}) {
        set_threads(count);
        const Mask mask = Mask::from_bytes(shape, bytes);
        EXPECT_EQ(mask.to_bytes(), bytes);
        EXPECT_EQ(Mask::from_tensor(view), mask);
        EXPECT_EQ((~mask).kept(), mask.pruned());
    }
    set_threads(0);
}

TEST(MatrixShape, ByRank) {
    const auto is = [](Shape shape, int64_t rows, int64_t columns) {
        const MatrixShape matrix = matrix_shape(shape);
        return matrix.rows == rows && matrix.columns == columns;
    };
    EXPECT_TRUE(is({}, 1, 1));
    EXPECT_TRUE(is({7}, 1, 7));
    EXPECT_TRUE(is({3, 4}, 3, 4));
    EXPECT_TRUE(is({8, 3, 2, 5}, 8, 30));
    EXPECT_TRUE(is({0, 4}, 0, 4));
}

TEST(BlockStats, CountsEveryBlockRaggedOnesToo) {
    // 3 × 5 in 2 × 2 blocks: two rows of three blocks, the last of each ragged.
    const Mask mask = Mask::from_bytes({3, 5}, std::vector<uint8_t>{1, 1, 0, 0, 1,  //
                                                                    1, 1, 0, 0, 0,  //
                                                                    1, 0, 0, 0, 1});
    const BlockStats stats = block_stats(mask, {2, 2});
    EXPECT_EQ(stats.blocks, 6);
    EXPECT_EQ(stats.full, 2);   // top left, bottom right
    EXPECT_EQ(stats.empty, 2);  // the middle ones
    EXPECT_THAT(stats.histogram, ElementsAre(2, 2, 1, 0, 1));
}

TEST(BlockStats, AgreesWithCountingWeightByWeight) {
    const Shape shape{37, 3, 11};
    const Mask mask = random_mask(shape, 0.3, 5);
    for (const BlockShape block : {BlockShape{1, 1}, {1, 4}, {4, 4}, {5, 7}, {100, 100}, {1, 70}}) {
        BlockStats slow;
        slow.histogram.resize(size_t(block.rows * block.columns + 1));
        for (int64_t top = 0; top < 37; top += block.rows)
            for (int64_t left = 0; left < 33; left += block.columns) {
                int64_t pruned = 0, weights = 0;
                for (int64_t r = top; r < std::min<int64_t>(37, top + block.rows); ++r)
                    for (int64_t c = left; c < std::min<int64_t>(33, left + block.columns); ++c, ++weights)
                        pruned += !mask[r * 33 + c];
                ++slow.blocks;
                slow.full += pruned == 0;
                slow.empty += pruned == weights;
                ++slow.histogram[size_t(pruned)];
            }
        const BlockStats stats = block_stats(mask, block);
        EXPECT_EQ(stats.blocks, slow.blocks);
        EXPECT_EQ(stats.full, slow.full);
        EXPECT_EQ(stats.empty, slow.empty);
        EXPECT_EQ(stats.histogram, slow.histogram);
    }
    EXPECT_EQ(block_stats(Mask::ones({0, 4}), {1, 4}).blocks, 0);
    EXPECT_THROW(block_stats(mask, {0, 4}), Error);
    EXPECT_THROW(block_stats(mask, {1, -1}), Error);
    EXPECT_THROW(block_stats(mask, {int64_t(1) << 40, int64_t(1) << 40}), Error);
}

}  // namespace
}  // namespace lacuna
