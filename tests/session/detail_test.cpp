#include "engine/session/detail.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace lacuna {
namespace {

const float inf = std::numeric_limits<float>::infinity();
const float nan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> normal_weights(int64_t count, uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> weights(static_cast<size_t>(count));
    for (float& weight : weights) weight = normal(random);
    return weights;
}

TensorView view_of(const std::vector<float>& weights, Shape shape) {
    return contiguous_view(weights.data(), DType::F32, std::move(shape));
}

Mask random_mask(Shape shape, double kept, uint32_t seed) {
    std::mt19937 random(seed);
    std::bernoulli_distribution keep(kept);
    std::vector<uint8_t> bytes(static_cast<size_t>(element_count(shape)));
    for (auto& byte : bytes) byte = keep(random);
    return Mask::from_bytes(std::move(shape), bytes);
}

TEST(WeightBins, CountEveryFiniteWeight) {
    const auto weights = normal_weights(600000, 1);
    const WeightBins bins = bin_weights(view_of(weights, {600, 1000}), 101);
    EXPECT_EQ(bins.low, -bins.high);
    const auto [least, most] = std::minmax_element(weights.begin(), weights.end());
    EXPECT_EQ(bins.min, *least);
    EXPECT_EQ(bins.max, *most);
    EXPECT_EQ(bins.high, std::max<double>(-*least, *most));
    EXPECT_EQ(std::accumulate(bins.all.begin(), bins.all.end(), int64_t(0)), 600000);
    EXPECT_EQ(bins.not_finite, 0);
    const double mean = std::accumulate(weights.begin(), weights.end(), 0.0) / 600000;
    double squares = 0;
    for (const float weight : weights) squares += (weight - mean) * (weight - mean);
    EXPECT_NEAR(bins.mean, mean, 1e-12);
    EXPECT_NEAR(bins.deviation, std::sqrt(squares / 600000), 1e-12);
    for (size_t i = 0; i < bins.all.size(); ++i) {
        const double width = (bins.high - bins.low) / 101, left = bins.low + width * double(i);
        const auto inside = std::count_if(weights.begin(), weights.end(),
                                          [&](float weight) { return weight >= left && weight < left + width; });
        EXPECT_NEAR(double(bins.all[i]), double(inside), 2) << i;  // weights on a border may go either way
    }
}

TEST(WeightBins, OddValues) {
    const std::vector<float> odd{nan, inf, -inf, 1, -3, 0};
    const WeightBins bins = bin_weights(view_of(odd, {2, 3}), 6);
    EXPECT_EQ(bins.not_finite, 3);
    EXPECT_EQ(bins.high, 3);
    EXPECT_THAT(bins.all, ::testing::ElementsAre(1, 0, 0, 1, 1, 0));
    EXPECT_EQ(bins.min, -3);
    EXPECT_EQ(bins.max, 1);
    for (const auto& weights : {std::vector<float>(10, 0.0f), std::vector<float>(10, 1e-45f),
                                std::vector<float>(10, nan), std::vector<float>(10, 3.4e38f)}) {
        const WeightBins flat = bin_weights(view_of(weights, {10}), 7);
        EXPECT_GT(flat.high, flat.low);
        EXPECT_EQ(std::accumulate(flat.all.begin(), flat.all.end(), flat.not_finite), 10);
    }
    const std::vector<double> wide{1.7e308, -1.7e308, 0};
    const WeightBins whole = bin_weights(contiguous_view(wide.data(), DType::F64, {3}), 3);
    EXPECT_THAT(whole.all, ::testing::ElementsAre(1, 1, 1));
    EXPECT_EQ(bin_weights(view_of({}, {0}), 5).all, std::vector<int64_t>(5));
    EXPECT_THROW(bin_weights(contiguous_view(odd.data(), DType::I32, {6}), 5), Error);
    EXPECT_THROW(bin_weights(view_of(odd, {6}), 0), Error);
}

TEST(WeightBins, PrunedAndKeptAddUp) {
    const auto weights = normal_weights(300 * 1001, 2);
    const TensorView view = view_of(weights, {300, 1001});
    const WeightBins bins = bin_weights(view, 64);
    const Mask mask = random_mask({300, 1001}, 0.7, 3);
    const auto pruned = bin_pruned(view, mask, bins), kept = bin_pruned(view, ~mask, bins);
    for (size_t i = 0; i < pruned.size(); ++i) EXPECT_EQ(pruned[i] + kept[i], bins.all[i]);
    EXPECT_EQ(std::accumulate(pruned.begin(), pruned.end(), int64_t(0)), mask.pruned());
    EXPECT_EQ(bin_pruned(view, Mask::ones({300, 1001}), bins), std::vector<int64_t>(64));
    EXPECT_EQ(bin_pruned(view, Mask::zeros({300, 1001}), bins), bins.all);
    EXPECT_THROW(bin_pruned(view, Mask::ones({1001, 300}), bins), Error);
}

/// Every level by adding up weight by weight.
template <typename Value, typename Shade>
void expect_pyramid(const Pyramid& pyramid, MatrixShape matrix, Value&& value, Shade&& shade) {
    ASSERT_EQ(pyramid.first_level, 1);
    ASSERT_FALSE(pyramid.levels.empty());
    for (size_t k = 0; k < pyramid.levels.size(); ++k) {
        const PyramidLevel& level = pyramid.levels[k];
        const int64_t side = int64_t(2) << k;
        ASSERT_EQ(level.rows, (matrix.rows + side - 1) / side);
        ASSERT_EQ(level.columns, (matrix.columns + side - 1) / side);
        ASSERT_EQ(level.cells.size(), size_t(level.rows * level.columns));
        const bool last = k + 1 == pyramid.levels.size();
        EXPECT_EQ(last, level.rows <= 64 && level.columns <= 64);
        for (int64_t r = 0; r < level.rows; ++r)
            for (int64_t c = 0; c < level.columns; ++c) {
                double sum = 0;
                int64_t weights = 0;
                for (int64_t i = r * side; i < std::min(matrix.rows, (r + 1) * side); ++i)
                    for (int64_t j = c * side; j < std::min(matrix.columns, (c + 1) * side); ++j, ++weights)
                        sum += value(i * matrix.columns + j);
                shade(level.cells[size_t(r * level.columns + c)], sum, weights);
            }
    }
}

TEST(WeightBins, PrunedOnesFollowAMaskThatMoves) {
    const Shape shape{300, 1001};
    auto weights = normal_weights(300 * 1001, 5);
    weights[77] = nan, weights[300] = inf;
    const TensorView view = view_of(weights, shape);
    const WeightBins bins = bin_weights(view, 64);
    Mask before = random_mask(shape, 0.5, 6);
    auto counts = bin_pruned(view, before, bins);
    for (const double moved : {0.0, 0.0001, 0.01, 0.1, 0.6}) {
        const Mask now = before ^ random_mask(shape, moved, 7);
        counts = rebin_pruned(view, now, bins, before, counts);
        EXPECT_EQ(counts, bin_pruned(view, now, bins)) << moved;
        before = now;
    }
    EXPECT_THROW(rebin_pruned(view, before, bins, Mask::ones({1001, 300}), counts), Error);
}

TEST(DensityPyramid, CountsKeptWeights) {
    for (const Shape& shape :
         {Shape{1}, Shape{64, 64}, Shape{65, 3}, Shape{300, 129}, Shape{7, 1000}, Shape{130, 4, 5}, Shape{1, 20000}})
        for (const double kept : {0.0, 0.02, 0.5, 0.995, 1.0}) {
            const Mask mask = random_mask(shape, kept, 4);
            expect_pyramid(
                density_pyramid(mask), matrix_shape(shape), [&](int64_t i) { return double(mask[i]); },
                [&](uint8_t cell, double sum, int64_t weights) {
                    if (sum == 0) {
                        ASSERT_EQ(cell, 0);
                    } else if (sum == double(weights)) {
                        ASSERT_EQ(cell, 255);
                    } else {
                        ASSERT_GE(cell, 1);
                        ASSERT_LE(cell, 254);
                        ASSERT_NEAR(cell, std::clamp(255 * sum / double(weights), 1.0, 254.0), 0.51);
                    }
                });
        }
}

TEST(MagnitudePyramid, AveragesMagnitudes) {
    for (const Shape& shape : {Shape{5, 5}, Shape{200, 333}, Shape{1, 9000}}) {
        auto weights = normal_weights(element_count(shape), 5);
        weights[7] = nan;  // counts as 0
        weights[11] = -100;
        const double full = 2.5;
        expect_pyramid(
            magnitude_pyramid(view_of(weights, shape), full), matrix_shape(shape),
            [&](int64_t i) { return std::isnan(weights[size_t(i)]) ? 0.0 : std::abs(double(weights[size_t(i)])); },
            [&](uint8_t cell, double sum, int64_t count) {
                ASSERT_NEAR(cell, std::min(255.0, 255 * sum / double(count) / full), 0.52);
            });
    }
    const std::vector<float> loud(16, inf);
    EXPECT_EQ(magnitude_pyramid(view_of(loud, {4, 4}), 1).levels[0].cells, std::vector<uint8_t>(4, 255));
    EXPECT_THROW(magnitude_pyramid(contiguous_view(loud.data(), DType::I32, {4, 4}), 1), Error);
}

TEST(Pyramids, OfNothing) {
    EXPECT_TRUE(density_pyramid(Mask::ones({0, 5})).levels.back().cells.empty());
    EXPECT_TRUE(magnitude_pyramid(view_of({}, {5, 0}), 1).levels.back().cells.empty());
}

TEST(MagnitudeScale, IsAHighPercentile) {
    const auto weights = normal_weights(3000000, 6);
    EXPECT_NEAR(magnitude_scale(view_of(weights, {3000, 1000})), 2.807, 0.03);  // of |N(0, 1)|
    std::vector<float> sparse(10000);
    sparse[17] = -4;
    EXPECT_EQ(magnitude_scale(view_of(sparse, {10000})), 4);
    EXPECT_EQ(magnitude_scale(view_of(std::vector<float>(50, 0.0f), {50})), 1);
    EXPECT_EQ(magnitude_scale(view_of({nan, inf}, {2})), 1);
    EXPECT_EQ(magnitude_scale(view_of({}, {0})), 1);
}

TEST(Detail, SameAtAnyNumberOfThreads) {
    const Shape shape{1500, 1003};
    const auto weights = normal_weights(element_count(shape), 7);
    const TensorView view = view_of(weights, shape);
    const Mask mask = random_mask(shape, 0.4, 8);
    set_threads(1);
    const WeightBins bins = bin_weights(view, 200);
    const Pyramid density = density_pyramid(mask), magnitude = magnitude_pyramid(view, 2);
    for (const int count : {2, 7}) {
        set_threads(count);
        const WeightBins again = bin_weights(view, 200);
        EXPECT_EQ(again.all, bins.all);
        EXPECT_EQ(again.mean, bins.mean);
        EXPECT_EQ(again.deviation, bins.deviation);
        const Pyramid kept = density_pyramid(mask), size = magnitude_pyramid(view, 2);
        for (size_t k = 0; k < density.levels.size(); ++k) {
            EXPECT_EQ(kept.levels[k].cells, density.levels[k].cells);
            EXPECT_EQ(size.levels[k].cells, magnitude.levels[k].cells);
        }
    }
    set_threads(0);
}

}  // namespace
}  // namespace lacuna
