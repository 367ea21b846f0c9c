#include <gtest/gtest.h>

#include "engine/base/parallel.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {
namespace {

Mask draw(double level, const Shape& shape, int64_t seed = 0, std::string_view name = "fc.weight",
          std::vector<int64_t> block = {1, 1}) {
    const std::vector<float> weights(size_t(element_count(shape)), 1);
    const Sparsifier& rule = sparsifier("random");
    Options options;
    options.set("sparsity_level", level);
    options.set("seed", seed);
    options.set("sparse_block_shape", std::move(block));
    options = rule.complete(options);
    const Mask ones = Mask::ones(shape);
    const TensorView weight = contiguous_view(weights.data(), DType::F32, shape);
    return rule.compute({.weight = weight, .current = &ones, .options = &options, .name = name});
}

TEST(Random, PrunesExactlyTheLevel) {
    EXPECT_EQ(draw(0.3, {40, 50}).pruned(), 600);
    EXPECT_EQ(draw(0, {40, 50}).pruned(), 0);
    EXPECT_EQ(draw(1, {40, 50}).kept(), 0);
    EXPECT_EQ(draw(0.5, {7}).pruned(), 4) << "3.5 rounds to even";
    EXPECT_EQ(draw(0.5, {0, 4}).size(), 0);
}

TEST(Random, SameAtAnyNumberOfThreads) {
    set_threads(1);
    const Mask one = draw(0.5, {1500, 1000});
    for (const int count : {2, 7}) {
        set_threads(count);
        EXPECT_EQ(draw(0.5, {1500, 1000}), one) << count;
    }
    set_threads(0);
}

TEST(Random, SeedAndNameDrawTheirOwnMasks) {
    const Shape shape{64, 64};
    const Mask mask = draw(0.5, shape);
    EXPECT_EQ(draw(0.5, shape), mask);
    for (const Mask& other : {draw(0.5, shape, 1), draw(0.5, shape, 0, "fc2.weight")}) {
        const int64_t both = (mask & other).kept();  // about a quarter if they know nothing of each other
        EXPECT_NEAR(double(both), 1024, 160);
    }
}

TEST(Random, IsSpreadEvenly) {
    const Mask mask = draw(0.25, {64, 1024});
    for (int64_t row = 0; row < 64; ++row)  // 5 standard deviations of a draw without replacement
        EXPECT_NEAR(double(mask.kept_in(row * 1024, (row + 1) * 1024)), 768, 70) << row;
}

TEST(Random, HigherLevelsPruneMore) {
    const Mask low = draw(0.3, {50, 50}), high = draw(0.6, {50, 50});
    EXPECT_EQ((high - low).kept(), 0) << "what the lower level prunes, the higher does too";
}

TEST(Random, DrawsWholeBlocks) {
    const Mask mask = draw(0.5, {10, 13}, 0, "fc.weight", {4, 4});  // 3 × 4 blocks, ragged at two edges
    int64_t taken = 0;
    for (int64_t top = 0; top < 10; top += 4)
        for (int64_t left = 0; left < 13; left += 4) {
            const int64_t rows = std::min<int64_t>(4, 10 - top), columns = std::min<int64_t>(4, 13 - left);
            int64_t kept = 0;
            for (int64_t r = 0; r < rows; ++r)
                kept += mask.kept_in((top + r) * 13 + left, (top + r) * 13 + left + columns);
            EXPECT_TRUE(kept == 0 || kept == rows * columns) << top << ", " << left;
            taken += kept == 0;
        }
    EXPECT_EQ(taken, 6);
}

}  // namespace
}  // namespace lacuna
