#include "engine/sparsifiers/custom_norm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"
#include "tests/sparsifiers/norm_request.h"

namespace lacuna {
namespace {

using testing::ElementsAre;
using namespace testing_support;

std::unique_ptr<const Sparsifier> elementwise(float (*norm)(float)) {
    return make_weight_norm([norm](std::span<const float> weights, std::span<float> scores) {
        for (size_t i = 0; i < weights.size(); ++i) scores[i] = norm(weights[i]);
    });
}

Mask run(const Sparsifier& rule, const std::vector<float>& weights, Shape shape, std::vector<int64_t> block,
         double level = 0.5, const Mask* current = nullptr) {
    Options options;
    options.set("sparse_block_shape", std::move(block));
    options.set("sparsity_level", level);
    options = rule.complete(options);
    const Mask ones = Mask::ones(shape);
    return rule.compute({.weight = contiguous_view(weights.data(), DType::F32, shape),
                         .current = current ? current : &ones,
                         .options = &options,
                         .name = "w"});
}

TEST(CustomNorm, SquaresGiveWeightNormsMasks) {
    const auto square = elementwise([](float x) { return x * x; });
    const std::vector<float> weights = normal_weights(24 * 31, 6);
    for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {1, 4}, {3, 5}, {24, 31}, {99, 2}})
        for (const double level : {0.0, 0.3, 0.5, 0.999, 1.0})
            EXPECT_EQ(run(*square, weights, {24, 31}, {rows, columns}, level),
                      NormRequest().block(rows, columns).level(level).mask(weights, {24, 31}))
                << rows << "×" << columns << " at " << level;
}

TEST(CustomNorm, ScoresMayBeNegative) {
    const auto identity = elementwise([](float x) { return x; });
    EXPECT_THAT(run(*identity, {-1, 2, -3, 4}, {4}, {1, 1}).to_bytes(), ElementsAre(0, 1, 0, 1));
    EXPECT_THAT(run(*identity, {-0.0f, 0.0f, 1, NAN}, {4}, {1, 1}, 0.25).to_bytes(), ElementsAre(0, 1, 1, 1))
        << "zeros are equal, the lower index goes";
}

TEST(CustomNorm, PrunedWeightsAreZeroWhenScored) {
    const auto exponential = elementwise([](float x) { return std::exp(x); });
    const Mask current = Mask::from_bytes({4}, std::vector<uint8_t>{0, 1, 1, 1});
    EXPECT_THAT(run(*exponential, {-5, -2, -1, 3}, {4}, {1, 1}, 0.5, &current).to_bytes(), ElementsAre(1, 0, 0, 1))
        << "exp(0) is more than exp(-1)";
}

TEST(CustomNorm, TakesNoNormOptionAndNoEmptyFunction) {
    Options options;
    options.set("norm", std::string("2"));
    EXPECT_THROW(elementwise([](float x) { return x; })->complete(options), Error);
    EXPECT_THROW(make_weight_norm({}), Error);
}

}  // namespace
}  // namespace lacuna
