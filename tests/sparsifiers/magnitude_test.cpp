#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"
#include "engine/sparsifiers/sparsifier.h"
#include "engine/sparsifiers/units.h"
#include "tests/sparsifiers/norm_request.h"

namespace lacuna {
namespace {

using namespace testing_support;

/// Tensors of F32 weights under the rule with the same options.
class Unit {
  public:
    explicit Unit(std::vector<std::pair<Shape, std::vector<float>>> tensors) : tensors_(std::move(tensors)) {
        for (const auto& [shape, weights] : tensors_) masks.push_back(Mask::ones(shape));
    }

    Unit& with(const std::string& name, OptionValue value) {
        given_.set(name, std::move(value));
        return *this;
    }
    std::vector<MaskRequest> requests(const Progress* progress = nullptr) {
        options_ = sparsifier("magnitude").complete(given_);
        std::vector<MaskRequest> unit;
        for (size_t i = 0; i < tensors_.size(); ++i)
            unit.push_back({.weight = contiguous_view(tensors_[i].second.data(), DType::F32, tensors_[i].first),
                            .current = &masks[i],
                            .options = &options_,
                            .name = "w",
                            .progress = progress});
        return unit;
    }
    Unit& step() {
        masks = sparsifier("magnitude").compute_all(requests());
        return *this;
    }
    int64_t pruned() const {
        int64_t sum = 0;
        for (const Mask& mask : masks) sum += mask.pruned();
        return sum;
    }

    std::vector<Mask> masks;

  private:
    std::vector<std::pair<Shape, std::vector<float>>> tensors_;
    Options given_, options_;
};

TEST(Magnitude, TensorsShareTheLevel) {
    Unit unit({{{2, 2}, {1, 2, 3, 4}}, {{4}, {-0.1f, 0.2f, 9, 0.3f}}});
    unit.step();
    EXPECT_EQ(unit.masks[0].to_bytes(), (std::vector<uint8_t>{0, 1, 1, 1}));
    EXPECT_EQ(unit.masks[1].to_bytes(), (std::vector<uint8_t>{0, 0, 1, 0}));
}

TEST(Magnitude, PrunesTheRoundedShareOfAllWeights) {
    const auto weights = [](int64_t n, uint32_t seed) { return normal_weights(n, seed); };
    for (const double level : {0.0, 0.25, 0.5, 0.77, 0.999, 1.0}) {
        Unit unit({{{10, 13}, weights(130, 1)}, {{7}, weights(7, 2)}, {{0, 3}, {}}, {{3, 2, 2, 2}, weights(24, 3)}});
        EXPECT_EQ(unit.with("sparsity_level", level).step().pruned(), int64_t(std::nearbyint(level * 161))) << level;
    }
}

TEST(Magnitude, OneTensorAloneIsAUnitOfOne) {
    const std::vector<float> weights = normal_weights(200, 4);
    Unit unit({{{20, 10}, weights}});
    const Mask alone = sparsifier("magnitude").compute(unit.requests()[0]);
    EXPECT_EQ(alone, unit.step().masks[0]);
    EXPECT_EQ(alone, NormRequest().block(1, 1).norm("1").level(0.5).mask(weights, {20, 10}));
}

TEST(Magnitude, ZerosAreEqualAndNaNGoesLast) {
    const float nan = std::nanf("");
    Unit unit({{{3}, {nan, -0.0f, 0.0f}}, {{3}, {0.0f, INFINITY, 1}}});
    unit.with("sparsity_level", 1.0 / 3).step();
    EXPECT_EQ(unit.masks[0].to_bytes(), (std::vector<uint8_t>{1, 0, 0}));
    EXPECT_EQ(unit.masks[1].to_bytes(), (std::vector<uint8_t>{1, 1, 1}));
    unit.with("sparsity_level", 5.0 / 6).step();
    EXPECT_EQ(unit.masks[0].to_bytes(), (std::vector<uint8_t>{1, 0, 0}));
    EXPECT_EQ(unit.masks[1].to_bytes(), (std::vector<uint8_t>{0, 0, 0}));
}

TEST(Magnitude, PrunedWeightsStayPrunedUnlessScoredAnew) {
    for (const bool masked : {true, false}) {
        Unit unit({{{4}, {1, 2, 3, 4}}, {{4}, {5, 6, 7, 8}}});
        unit.masks[1] = Mask::zeros({4});
        unit.with("score", std::string(masked ? "masked" : "original")).step();
        EXPECT_EQ(unit.masks[0].kept(), masked ? 4 : 0);
        EXPECT_EQ(unit.masks[1].kept(), masked ? 0 : 4);
    }
}

TEST(Magnitude, BlocksOfDifferentTensorsCompete) {
    // Means: 2 and 3 in the first tensor; 1 and, at its ragged edge, 4 in the second.
    Unit unit({{{1, 4}, {1, 3, 2, 4}}, {{1, 3}, {0, 2, 4}}});
    unit.with("sparse_block_shape", std::vector<int64_t>{1, 2}).step();
    EXPECT_EQ(unit.masks[0].to_bytes(), (std::vector<uint8_t>{0, 0, 1, 1}));
    EXPECT_EQ(unit.masks[1].to_bytes(), (std::vector<uint8_t>{0, 0, 1}));
}

TEST(Magnitude, OneDoubleTensorMakesAllScoresDouble) {
    const std::vector<double> exact{1.0 + 1e-12, 3};
    const std::vector<float> rounded{1.0f, 2.0f};
    const Sparsifier& rule = sparsifier("magnitude");
    const Options options = rule.complete({});
    const Mask ones = Mask::ones({2});
    const std::vector<MaskRequest> unit{
        {.weight = contiguous_view(exact.data(), DType::F64, {2}), .current = &ones, .options = &options, .name = "a"},
        {.weight = contiguous_view(rounded.data(), DType::F32, {2}),
         .current = &ones,
         .options = &options,
         .name = "b"}};
    Options quarter = options;
    quarter.set("sparsity_level", 0.25);
    std::vector<MaskRequest> low = unit;
    for (MaskRequest& request : low) request.options = &quarter;
    EXPECT_EQ(rule.compute_all(low)[1].to_bytes(), (std::vector<uint8_t>{0, 1})) << "1 is less than 1 + 1e-12";
    EXPECT_EQ(rule.compute_all(unit)[0].to_bytes(), (std::vector<uint8_t>{0, 1}));
}

TEST(Magnitude, StridedWeightsAreReadInTheirOwnOrder) {
    const std::vector<float> transposed{1, 3, 5, 2, 4, 6};  // 3 × 2 seen through strides as 1 2 / 3 4 / 5 6
    const Sparsifier& rule = sparsifier("magnitude");
    const Options options = rule.complete({});
    const Mask ones = Mask::ones({3, 2});
    const TensorView view{reinterpret_cast<const std::byte*>(transposed.data()), DType::F32, {3, 2}, {1, 3}};
    const Mask mask = rule.compute({.weight = view, .current = &ones, .options = &options, .name = "w"});
    EXPECT_EQ(mask.to_bytes(), (std::vector<uint8_t>{0, 0, 0, 1, 1, 1}));
}

TEST(Magnitude, TheThresholdIsTheUnits) {
    Unit unit({{{50, 40}, normal_weights(2000, 8)}, {{3000}, std::vector<float>(3000, 10)}});
    const auto curve = sparsifier("magnitude").unit_thresholds(unit.requests());
    ASSERT_TRUE(curve);
    EXPECT_NEAR(curve->threshold_at(0.39), 2.2, 0.6) << "the top of the normal weights";
    EXPECT_NEAR(curve->threshold_at(0.7), 10, 0.1);
    EXPECT_FALSE(sparsifier("weight_norm").unit_thresholds(unit.requests())) << "that rule's tensors share nothing";
}

TEST(Magnitude, ACancelledUnitStops) {
    Unit unit({{{50, 40}, normal_weights(2000, 8)}});
    CancelToken token;
    token.cancel();
    const Progress progress({}, token);
    EXPECT_THROW(sparsifier("magnitude").compute_all(unit.requests(&progress)), Cancelled);
}

TEST(Units, EqualOptionsOfASpanningRule) {
    const Sparsifier &global = sparsifier("magnitude"), &local = sparsifier("weight_norm");
    const Options half = global.complete({}), local_half = local.complete({});
    Options other = half;
    other.set("sparsity_level", 0.25);
    const Options half_again = half;
    const std::vector<RuleOf> rules{
        {&global, &half}, {&local, &local_half}, {&global, &other}, {&global, &half_again}, {&local, &local_half}};
    EXPECT_EQ(units_of(rules), (std::vector<std::vector<size_t>>{{0, 3}, {1}, {2}, {4}}));
    EXPECT_TRUE(global.spans_tensors());
    EXPECT_FALSE(local.spans_tensors() || global.needs_activations());
}

}  // namespace
}  // namespace lacuna
