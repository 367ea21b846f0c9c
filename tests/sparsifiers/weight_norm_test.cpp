#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "tests/sparsifiers/norm_request.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing_support::normal_weights;
using testing_support::NormRequest;

const float inf = std::numeric_limits<float>::infinity();
const float nan = std::numeric_limits<float>::quiet_NaN();
const NormRequest single = NormRequest().block(1, 1);

TEST(WeightNorm, LowestMagnitudesGoFirstAndTiesByIndex) {
    EXPECT_THAT(single.level(0.5).mask(std::vector<float>{3, -1, 2, 1, -4, 0}, {2, 3}).to_bytes(),
                ElementsAre(1, 0, 1, 0, 1, 0));
    EXPECT_THAT(single.level(0.5).mask(std::vector<float>{1, 1, 1, 1}, {4}).to_bytes(), ElementsAre(0, 0, 1, 1));
    EXPECT_THAT(single.level(0.5).ties(Ties::aten).mask(std::vector<float>{1, 1, 1, 1}, {4}).to_bytes(),
                ElementsAre(1, 1, 0, 0));  // as torch.topk picks
    EXPECT_THAT(single.level(0.25).ties(Ties::aten).mask(std::vector<float>{1, 1, 1, 1}, {4}).to_bytes(),
                ElementsAre(1, 1, 0, 1));
}

TEST(WeightNorm, NanIsPrunedLastAndInfinityIsANumber) {
    const std::vector<float> weights{nan, inf, 1, -inf, -nan, -0.0f};
    EXPECT_THAT(single.level(1.0 / 6).mask(weights, {6}).to_bytes(), ElementsAre(1, 1, 1, 1, 1, 0));
    EXPECT_THAT(single.level(0.5).mask(weights, {6}).to_bytes(), ElementsAre(1, 0, 0, 1, 1, 0));
    EXPECT_THAT(single.level(5.0 / 6).mask(weights, {6}).to_bytes(), ElementsAre(0, 0, 0, 0, 1, 0));
}

TEST(WeightNorm, RoundsHalfToEvenAndNeverTakesAllBelowOne) {
    const auto weights = normal_weights(10, 1);
    EXPECT_EQ(single.level(0.25).mask(weights, {10}).pruned(), 2);  // 2.5
    EXPECT_EQ(single.level(0.35).mask(weights, {10}).pruned(), 4);  // 3.5
    EXPECT_EQ(single.level(0.999).mask(weights, {10}).pruned(), 9);
    EXPECT_EQ(single.level(1).mask(weights, {10}).pruned(), 10);
    EXPECT_EQ(NormRequest().block(1, 4).level(0.9).mask(normal_weights(4, 1), {1, 4}).pruned(), 0);
}

TEST(WeightNorm, EdgeBlocksAverageTheirRealWeights) {
    // A lone 3 has a higher mean than four 2s, although its sum is lower.
    const std::vector<float> weights{2, 2, 2, 2, 3};
    EXPECT_THAT(NormRequest().level(0.5).norm("1").mask(weights, {1, 5}).to_bytes(), ElementsAre(0, 0, 0, 0, 1));
}

TEST(WeightNorm, NormsDifferWhereTheyShould) {
    // Mean magnitudes 2 and 1.75, mean squares 4 and 9.25.
    const std::vector<float> weights{2, 2, 2, 2, 6, 1, 0, 0};
    EXPECT_THAT(NormRequest().norm("1").mask(weights, {2, 4}).to_bytes(), ElementsAre(1, 1, 1, 1, 0, 0, 0, 0));
    EXPECT_THAT(NormRequest().norm("2").mask(weights, {2, 4}).to_bytes(), ElementsAre(0, 0, 0, 0, 1, 1, 1, 1));
}

TEST(WeightNorm, OnlyTakenBlocksLoseTheirLowestWeights) {
    const std::vector<float> weights{1, 2, 3, 4, 50, 60, 70, 80};
    EXPECT_THAT(NormRequest().block(1, 4).zeros(1).level(0.5).mask(weights, {2, 4}).to_bytes(),
                ElementsAre(0, 1, 1, 1, 1, 1, 1, 1));
    EXPECT_EQ(NormRequest().block(1, 4).zeros(0).level(1).mask(weights, {2, 4}).pruned(), 0);
}

TEST(WeightNorm, PrunedWeightsScoreZeroSoMasksGrow) {
    const auto weights = normal_weights(4000, 3);
    const Shape shape{40, 100};
    Mask mask = Mask::ones(shape);
    for (const double level : {0.2, 0.4, 0.4, 0.9}) {
        const Mask next = single.level(level).mask(weights, shape, DType::F32, &mask);
        EXPECT_EQ((next - mask).kept(), 0) << level;
        mask = next;
    }
    // A falling level revives weights; scored by the originals it is the lowest of all again.
    const Mask fallen = single.level(0.2).mask(weights, shape, DType::F32, &mask);
    EXPECT_EQ(fallen.pruned(), 800);
    const Mask original = single.level(0.2).score("original").mask(weights, shape, DType::F32, &mask);
    EXPECT_EQ(original, single.level(0.2).mask(weights, shape));
    EXPECT_NE(fallen, original);
}

TEST(WeightNorm, APrunedNanStaysPruned) {
    const std::vector<float> weights{nan, 1, 2, 3};
    const Mask current = Mask::from_bytes({4}, std::vector<uint8_t>{0, 1, 1, 1});
    EXPECT_THAT(single.level(0.5).mask(weights, {4}, DType::F32, &current).to_bytes(), ElementsAre(0, 0, 1, 1));
}

TEST(WeightNorm, TensorsOfEveryRank) {
    EXPECT_EQ(single.level(0.5).mask(std::vector<float>{1}, {}).pruned(), 0);
    EXPECT_EQ(single.level(1).mask(std::vector<float>{1}, {}).pruned(), 1);
    for (const Shape& shape : {Shape{0}, Shape{0, 4}, Shape{4, 0}, Shape{2, 0, 3, 3}})
        for (const int64_t zeros : {2, 4})
            EXPECT_EQ(NormRequest().block(1, 4).zeros(zeros).level(0.7).mask(std::vector<float>{}, shape),
                      Mask::ones(shape));
    const auto weights = normal_weights(6 * 8 * 3 * 3, 4);
    // A convolution is a matrix of its filters …
    EXPECT_EQ(NormRequest().block(2, 3).mask(weights, {6, 8, 3, 3}).to_bytes(),
              NormRequest().block(2, 3).mask(weights, {6, 72}).to_bytes());
    // … and one dimension is one row.
    EXPECT_EQ(NormRequest().block(1, 4).zeros(1).mask(weights, {432}).to_bytes(),
              NormRequest().block(1, 4).zeros(1).mask(weights, {1, 432}).to_bytes());
}

TEST(WeightNorm, PatternsOfConvolutionsRunAlongInputChannels) {
    const int64_t outputs = 5, inputs = 8, places = 6;
    const auto weights = normal_weights(outputs * inputs * places, 5);
    std::vector<float> moved(weights.size());
    for (int64_t o = 0; o < outputs; ++o)
        for (int64_t i = 0; i < inputs; ++i)
            for (int64_t place = 0; place < places; ++place)
                moved[size_t((o * places + place) * inputs + i)] = weights[size_t((o * inputs + i) * places + place)];
    const NormRequest request = NormRequest().block(1, 4).zeros(2).level(0.6);
    const Mask conv = request.mask(weights, {outputs, inputs, 2, 3}),
               flat = request.mask(moved, {outputs * places, inputs});
    for (int64_t o = 0; o < outputs; ++o)
        for (int64_t i = 0; i < inputs; ++i)
            for (int64_t place = 0; place < places; ++place)
                ASSERT_EQ(conv[(o * inputs + i) * places + place], flat[(o * places + place) * inputs + i]);
    // A second step finds the pruned ones where it left them.
    EXPECT_EQ(request.mask(weights, {outputs, inputs, 2, 3}, DType::F32, &conv).pruned(), conv.pruned());
}

TEST(WeightNorm, NarrowTypesCountAsTheirFloat32Values) {
    std::vector<uint16_t> halves(3000);
    std::mt19937 random(6);
    for (auto& half : halves) half = uint16_t(random());
    for (const DType dtype : {DType::F16, DType::BF16}) {
        std::vector<float> wide(halves.size());
        const Shape shape{30, 100};
        const TensorView view = contiguous_view(halves.data(), dtype, shape);
        read_as_float(view, 0, 3000, wide.data());
        for (const std::string norm : {"1", "2"})
            for (const NormRequest& request : {single, NormRequest().block(1, 4), NormRequest().block(3, 7),
                                               NormRequest().block(1, 4).zeros(2).level(1)})
                EXPECT_EQ(request.norm(norm).mask(view), request.norm(norm).mask(wide, shape)) << dtype_name(dtype);
    }
    const std::vector<uint8_t> eights{0x00, 0x38, 0xb8, 0x40, 0x7e, 0x80};  // 0, 1, −1, 2, 448, −0
    EXPECT_THAT(single.mask(eights, {6}, DType::F8_E4M3).to_bytes(), ElementsAre(0, 0, 1, 1, 1, 0));
}

TEST(WeightNorm, DoublesAreComparedAsDoubles) {
    const std::vector<double> weights{1 + 1e-12, 1, 1 + 2e-12, 1 + 3e-12};  // equal in float32
    EXPECT_THAT(single.mask(weights, {4}, DType::F64).to_bytes(), ElementsAre(0, 0, 1, 1));
    const std::vector<double> wide{1e200, 1e-200, 1e160, 1e-170};
    EXPECT_THAT(single.norm("1").mask(wide, {4}, DType::F64).to_bytes(), ElementsAre(1, 0, 1, 0));
}

TEST(WeightNorm, SquaresThatUnderflowTie) {
    const std::vector<float> weights{3e-30f, 2e-30f, 1e-30f, 1};
    EXPECT_THAT(single.norm("2").mask(weights, {4}).to_bytes(), ElementsAre(0, 0, 1, 1));
    EXPECT_THAT(single.norm("1").mask(weights, {4}).to_bytes(), ElementsAre(1, 0, 0, 1));
}

TEST(WeightNorm, StridedAndMisalignedWeights) {
    const auto weights = normal_weights(24 * 40, 7);
    std::vector<float> transposed(weights.size());
    for (size_t r = 0; r < 24; ++r)
        for (size_t c = 0; c < 40; ++c) transposed[c * 24 + r] = weights[r * 40 + c];
    std::vector<std::byte> shifted(weights.size() * 4 + 1);
    std::memcpy(shifted.data() + 1, weights.data(), weights.size() * 4);
    const TensorView strided{reinterpret_cast<const std::byte*>(transposed.data()), DType::F32, {24, 40}, {1, 24}};
    for (const NormRequest& request :
         {single, NormRequest().block(1, 4), NormRequest().block(4, 4), NormRequest().block(1, 4).zeros(2).level(1)}) {
        const Mask expected = request.mask(weights, {24, 40});
        EXPECT_EQ(request.mask(strided), expected);
        EXPECT_EQ(request.mask(contiguous_view(shifted.data() + 1, DType::F32, {24, 40})), expected);
    }
}

TEST(WeightNorm, BlocksLargerThanTheTensorAreOneBlock) {
    const auto weights = normal_weights(12, 8);
    const NormRequest huge = NormRequest().block(1 << 20, 1 << 20);
    EXPECT_EQ(huge.level(0.9).mask(weights, {3, 4}).pruned(), 0);
    EXPECT_EQ(huge.level(1).mask(weights, {3, 4}).pruned(), 12);
    EXPECT_EQ(huge.zeros(5).level(1).mask(weights, {3, 4}).pruned(), 5);
    EXPECT_EQ(huge.zeros(50).level(1).mask(weights, {3, 4}).pruned(), 12);
}

TEST(WeightNorm, SameAtAnyNumberOfThreadsAndTiesKeepTheirCount) {
    const Shape shape{1030, 2050};
    std::vector<float> weights = normal_weights(element_count(shape), 9);
    for (float& weight : weights) weight = std::round(weight * 4);  // a handful of values: ties everywhere
    for (const NormRequest& request :
         {single, NormRequest().block(1, 4), NormRequest().block(4, 4), NormRequest().block(1, 2).zeros(1).level(0.5),
          NormRequest().block(1, 4).zeros(2).level(1), NormRequest().block(3, 5).zeros(4).level(0.3)}) {
        set_threads(1);
        const Mask one = request.mask(weights, shape);
        for (const int count : {2, 7}) {
            set_threads(count);
            EXPECT_EQ(request.mask(weights, shape), one) << count << " threads";
        }
        EXPECT_EQ(request.ties(Ties::aten).mask(weights, shape).pruned(), one.pruned());
    }
    set_threads(0);
}

TEST(WeightNorm, TiedScoresArePrunedLowestFirstAndNeverAboveAKeptOne) {
    std::vector<float> weights = normal_weights(70000, 10);
    for (float& weight : weights) weight = std::round(weight * 2);
    for (const Ties ties : {Ties::lowest, Ties::aten}) {
        const Mask mask = single.level(0.6).ties(ties).mask(weights, {70000});
        float highest_pruned = 0, lowest_kept = inf;
        for (int64_t i = 0; i < 70000; ++i) {
            const float magnitude = std::abs(weights[size_t(i)]);
            if (mask[i])
                lowest_kept = std::min(lowest_kept, magnitude);
            else
                highest_pruned = std::max(highest_pruned, magnitude);
        }
        EXPECT_EQ(mask.pruned(), 42000);
        EXPECT_LE(highest_pruned, lowest_kept);
        if (ties == Ties::aten) continue;
        bool kept_one = false;  // of those that equal the threshold
        for (int64_t i = 0; i < 70000; ++i) {
            if (std::abs(weights[size_t(i)]) != highest_pruned) continue;
            EXPECT_FALSE(kept_one && !mask[i]) << i;
            kept_one = kept_one || mask[i];
        }
    }
}

TEST(WeightNorm, ChecksItsOptions) {
    const Sparsifier& rule = sparsifier("weight_norm");
    Options options;
    options.set("sparse_block_shape", std::vector<int64_t>{2, 3});
    EXPECT_EQ(rule.complete(options).integer("zeros_per_block"), 6);  // the whole block of that group
    options.set("zeros_per_block", int64_t(7));
    const auto fails = [&](const auto& call) {
        try {
            call();
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    EXPECT_THAT(fails([&] { rule.check(rule.complete(options), nullptr); }),
                HasSubstr("zeros_per_block: 7 is more than the 6 weights of a 2×3 block"));
    options.set("zeros_per_block", int64_t(-1));
    EXPECT_THAT(fails([&] { rule.complete(options); }), HasSubstr("zeros_per_block: -1 is not between"));
    for (const OptionValue& level : {OptionValue(1.01), OptionValue(-0.01), OptionValue(double(nan))}) {
        Options bad;
        bad.set("sparsity_level", level);
        EXPECT_THAT(fails([&] { rule.complete(bad); }), HasSubstr("sparsity_level: "));
    }
    Options norms;
    norms.set("norm", int64_t(1));
    EXPECT_EQ(rule.complete(norms).choice("norm"), "1");
    norms.set("norm", int64_t(3));
    EXPECT_THAT(fails([&] { rule.complete(norms); }), HasSubstr("norm: 3 is not one of 1, 2"));
    EXPECT_EQ(rule.why_not({4, 4}, DType::F32), "");
    EXPECT_EQ(rule.why_not({}, DType::BF16), "");
    EXPECT_EQ(rule.why_not({4, 4}, DType::U8), "is U8, not floating");
    EXPECT_THROW(single.mask(std::vector<int64_t>(4), {4}, DType::I64), Error);
}

TEST(WeightNorm, ThresholdsCutWhereMasksDo) {
    const Shape shape{128, 512};
    const auto weights = normal_weights(element_count(shape), 11);
    const TensorView view = contiguous_view(weights.data(), DType::F32, shape);
    for (const std::string norm : {"1", "2"}) {
        const ThresholdCurve curve = single.norm(norm).curve(view);
        ASSERT_EQ(curve.magnitude.size(), 1025u);
        EXPECT_TRUE(std::is_sorted(curve.magnitude.begin(), curve.magnitude.end()));
        for (const double level : {0.0, 0.1, 0.5, 0.9, 0.99, 1.0}) {
            const double threshold = curve.threshold_at(level);
            const auto below = std::count_if(weights.begin(), weights.end(),
                                             [&](float weight) { return std::abs(weight) < threshold; });
            EXPECT_NEAR(double(below) / double(weights.size()), level, 0.005) << norm << " " << level;
            if (level == 0 || level == 1) continue;
            EXPECT_NEAR(curve.level_at(threshold), level, 1e-6);
        }
    }
    // Blocks: the root of the mean square.
    const ThresholdCurve blocks = NormRequest().block(4, 8).norm("2").curve(view);
    for (const double level : {0.2, 0.5, 0.8}) {
        int64_t below = 0;
        for (int64_t top = 0; top < 128; top += 4)
            for (int64_t left = 0; left < 512; left += 8) {
                double sum = 0;
                for (int64_t r = top; r < top + 4; ++r)
                    for (int64_t c = left; c < left + 8; ++c) sum += std::pow(double(weights[size_t(r * 512 + c)]), 2);
                below += std::sqrt(sum / 32) < blocks.threshold_at(level);
            }
        EXPECT_NEAR(double(below) / 2048, level, 0.02);
    }
    // Oddities give a curve all the same.
    const std::vector<float> odd{nan, inf, -inf, 0, 2, 2};
    for (const double magnitude : single.curve(contiguous_view(odd.data(), DType::F32, {6})).magnitude)
        EXPECT_TRUE(std::isfinite(magnitude) && magnitude <= 2.02);
    EXPECT_EQ(single.curve(contiguous_view(nullptr, DType::F32, {0, 4})).threshold_at(0.5), 0);
}

}  // namespace
}  // namespace lacuna
