// Upstream's TestWeightNormSparsifier, test for test, with what its own checks leave out.

#include <gmock/gmock.h>

#include <random>

#include "engine/base/error.h"
#include "tests/sparsifiers/norm_request.h"
#include "tests/sparsifiers/simple_linear.h"

namespace lacuna {
namespace {

using testing_support::normal_weights;
using testing_support::NormRequest;
using testing_support::SimpleLinear;

TEST(TestWeightNormSparsifier, constructor) {
    const SimpleLinear model;
    const Pruning pruning = model.prepared("weight_norm");
    ASSERT_EQ(pruning.groups().size(), 5u);
    for (const auto& group : pruning.groups()) {
        const Options& options = group.target.options;
        EXPECT_EQ(group.target.sparsifier->name(), "weight_norm");
        EXPECT_EQ(options.number("sparsity_level"), 0.5);
        EXPECT_EQ(options.block("sparse_block_shape"), (std::vector<int64_t>{1, 4}));
        EXPECT_EQ(options.integer("zeros_per_block"), 4);
        EXPECT_EQ(options.choice("norm"), "2");
    }
}

TEST(TestWeightNormSparsifier, step) {
    const SimpleLinear model;
    Options options;
    options.set("sparsity_level", 0.5);
    Pruning pruning = model.prepared("weight_norm", options);
    for (const auto& group : pruning.groups()) EXPECT_EQ(group.fake_sparsity.mask->sparsity(), 0);
    Progress silent;
    pruning.step(silent);
    ASSERT_EQ(pruning.groups()[3].fqn, "linear1.weight");
    EXPECT_EQ(pruning.groups()[3].fake_sparsity.mask->sparsity(), 0.5);
    // Whatever the weights, exactly two of the four blocks go, and they are the lowest.
    for (uint32_t seed = 0; seed < 1000; ++seed) {
        const auto weights = normal_weights(16, seed);
        const Mask mask = NormRequest().level(0.5).block(1, 4).mask(weights, {4, 4});
        ASSERT_EQ(block_stats(mask, {1, 4}).empty, 2) << seed;
        ASSERT_EQ(mask.pruned(), 8) << seed;
        double highest_pruned = 0, lowest_kept = 1e9;
        for (int row = 0; row < 4; ++row) {
            double norm = 0;
            for (int i = 0; i < 4; ++i) norm += double(weights[size_t(4 * row + i)]) * weights[size_t(4 * row + i)];
            (mask[4 * row] ? lowest_kept : highest_pruned) =
                mask[4 * row] ? std::min(lowest_kept, norm) : std::max(highest_pruned, norm);
        }
        ASSERT_LE(highest_pruned, lowest_kept * (1 + 1e-6)) << seed;
    }
    // One mask that is stepped on while the weights change: it neither collapses nor moves.
    Mask running = Mask::ones({4, 4});
    for (uint32_t round = 0; round < 1000; ++round) {
        const Mask before = running;
        running = NormRequest().level(0.5).block(1, 4).mask(normal_weights(16, round), {4, 4}, DType::F32, &running);
        ASSERT_EQ(block_stats(running, {1, 4}).empty, 2) << round;
        ASSERT_TRUE(round == 0 || running == before) << "what is pruned scores 0 and stays, round " << round;
    }
}

TEST(TestWeightNormSparsifier, step_2_of_4) {
    const NormRequest two_of_four = NormRequest().level(1).block(1, 4).zeros(2);
    const auto pruned_in_fours = [](const Mask& mask, int64_t columns) {
        std::vector<int64_t> counts;
        for (int64_t row = 0; row < mask.size() / columns; ++row)
            for (int64_t left = 0; left < columns; left += 4) {
                const int64_t right = std::min(columns, left + 4);
                counts.push_back(right - left - mask.kept_in(row * columns + left, row * columns + right));
            }
        return counts;
    };
    const Mask whole = two_of_four.mask(normal_weights(16 * 200, 1), {16, 200});
    EXPECT_THAT(pruned_in_fours(whole, 200), ::testing::Each(2));
    // Ragged: an edge block of r weights loses min(2, r).
    const Mask ragged = two_of_four.mask(normal_weights(7 * 9, 2), {7, 9});
    const auto counts = pruned_in_fours(ragged, 9);
    for (size_t i = 0; i < counts.size(); ++i) EXPECT_EQ(counts[i], i % 3 == 2 ? 1 : 2);
    // Half of the blocks of a ragged matrix: upstream raises at .5, and at 1 its mask has another shape.
    const std::vector<float> rows{9, 8, 1, 2, 7, 7, 9, 8, 7, 6, 1, 2, 1, 2, 3, 4, 5, 6, 1, 1, 1, 1, 4, 3};
    EXPECT_THAT(two_of_four.level(0.5).mask(rows, {4, 6}).to_bytes(),
                ::testing::ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0));
    EXPECT_EQ(two_of_four.mask(rows, {4, 6}).pruned(), 16);
    // Half precision.
    const std::vector<uint16_t> halves{0x3c00, 0x4000, 0xb800, 0x0001, 0x7bff, 0xfbff, 0x0000, 0x8000};
    EXPECT_THAT(two_of_four.mask(halves, {1, 8}, DType::F16).to_bytes(),
                ::testing::ElementsAre(1, 1, 0, 0, 1, 1, 0, 0));
    // Convolutions: along the input channels of every place of every filter.
    const Mask conv = two_of_four.mask(normal_weights(8 * 12 * 9, 3), {8, 12, 3, 3});
    for (int64_t o = 0; o < 8; ++o)
        for (int64_t place = 0; place < 9; ++place)
            for (int64_t first = 0; first < 12; first += 4) {
                int64_t pruned = 0;
                for (int64_t i = first; i < first + 4; ++i) pruned += !conv[(o * 12 + i) * 9 + place];
                ASSERT_EQ(pruned, 2) << o << " " << place << " " << first;
            }
}

TEST(TestWeightNormSparsifier, prepare) {
    const SimpleLinear model;
    testing_support::expect_prepared(model, model.prepared("weight_norm"));
}

TEST(TestWeightNormSparsifier, mask_squash) {
    const SimpleLinear model;
    Pruning pruning = model.prepared("weight_norm");
    Progress silent;
    pruning.step(silent);
    testing_support::expect_squashed(model, pruning);
}

TEST(TestWeightNormSparsifier, sparsity_levels) {
    const std::vector<float> ones(144, 1.0f);
    int layers = 0;
    for (const double level : {-1.0, 0.0, 0.5, 1.0, 2.0})
        for (const BlockShape block : {BlockShape{1, 1}, {1, 4}, {2, 2}, {4, 1}})
            for (int64_t zeros = 0; zeros <= block.rows * block.columns; ++zeros, ++layers)
                for (const Ties ties : {Ties::lowest, Ties::aten}) {
                    const Mask mask = NormRequest()
                                          .level(level)
                                          .block(block.rows, block.columns)
                                          .zeros(zeros)
                                          .ties(ties)
                                          .mask(ones, {12, 12});
                    const double share =
                        std::clamp(level, 0.0, 1.0) * double(zeros) / double(block.rows * block.columns);
                    ASSERT_EQ(mask.sparsity(), share)
                        << level << " " << block.rows << "×" << block.columns << " " << zeros;
                }
    EXPECT_EQ(layers, 85);
}

}  // namespace
}  // namespace lacuna
