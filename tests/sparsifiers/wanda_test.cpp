#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "engine/base/error.h"
#include "tests/sparsifiers/norm_request.h"

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace testing_support;

/// wanda with options by name, on F32 weights and the sums of squares of their inputs.
class WandaRequest {
  public:
    WandaRequest with(const std::string& name, OptionValue value) const {
        WandaRequest copy = *this;
        copy.given_.set(name, std::move(value));
        return copy;
    }
    /// As upstream has it.
    WandaRequest upstream() const {
        return with("norm", std::string("l2_squared")).with("scope", std::string("layer"));
    }

    Mask mask(const std::vector<float>& weights, Shape shape, const Activations* seen, const Mask* current = nullptr) {
        const Options options = sparsifier("wanda").complete(given_);
        const Mask ones = Mask::ones(shape);
        return sparsifier("wanda").compute({.weight = contiguous_view(weights.data(), DType::F32, shape),
                                            .current = current ? current : &ones,
                                            .options = &options,
                                            .name = "fc.weight",
                                            .activations = seen});
    }
    Mask mask(const std::vector<float>& weights, Shape shape, std::vector<double> squares) {
        const Activations seen{std::move(squares), 1};
        return mask(weights, std::move(shape), &seen);
    }

  private:
    Options given_;
};

std::vector<double> squares_of(std::vector<double> inputs) {
    for (double& input : inputs) input *= input;
    return inputs;
}

// Upstream's tests, at the mask's level: what they check of prepare and squash_mask is in tests/torch.

TEST(TestWandaSparsifier, one_layer_mlp_2x4) {
    const std::vector<float> weights{1, 2, 3, 4, 5, 6, 7, 8};
    for (const WandaRequest& rule : {WandaRequest(), WandaRequest().upstream()})
        EXPECT_THAT(rule.with("semi_structured_block_size", int64_t(4))
                        .mask(weights, {1, 8}, std::vector<double>(8, 1))
                        .to_bytes(),
                    ElementsAre(0, 0, 1, 1, 0, 0, 1, 1));
}

TEST(TestWandaSparsifier, one_layer_mlp_unstructured) {
    for (WandaRequest& rule : std::vector{WandaRequest(), WandaRequest().upstream()})
        EXPECT_THAT(rule.mask({1, 2, 3, 4}, {1, 4}, squares_of({100, 10, 1, 0.1})).to_bytes(), ElementsAre(1, 1, 0, 0));
}

TEST(Wanda, ThePapersRuleTakesTheRootUpstreamsDoesNot) {
    const std::vector<float> weights{1, 3};
    const std::vector<double> squares = squares_of({2, 1});
    EXPECT_THAT(WandaRequest().mask(weights, {1, 2}, squares).to_bytes(), ElementsAre(0, 1)) << "2 · 1 < 1 · 3";
    EXPECT_THAT(WandaRequest().upstream().mask(weights, {1, 2}, squares).to_bytes(), ElementsAre(1, 0)) << "4 > 3";
}

TEST(Wanda, RowsCompeteForThemselvesUnlessTheLayerIsTheScope) {
    const std::vector<float> weights{1, 2, 3, 4, 10, 20, 30, 40};
    EXPECT_THAT(WandaRequest().mask(weights, {2, 4}, {1, 1, 1, 1}).to_bytes(), ElementsAre(0, 0, 1, 1, 0, 0, 1, 1));
    EXPECT_THAT(WandaRequest().with("scope", std::string("layer")).mask(weights, {2, 4}, {1, 1, 1, 1}).to_bytes(),
                ElementsAre(0, 0, 0, 0, 1, 1, 1, 1));
}

TEST(Wanda, TheShareIsTruncatedInEveryRow) {
    const std::vector<float> weights = normal_weights(128 * 200, 3);
    std::vector<double> squares(128);
    std::iota(squares.begin(), squares.end(), 1.0);
    const WandaRequest rule;
    for (const auto& [level, pruned] : {std::pair{0.5, 64}, {0.29, 37}, {0.999, 127}, {1.0, 128}, {0.0, 0}}) {
        const Mask mask = rule.with("sparsity_level", level).mask(weights, {200, 128}, squares);
        for (int64_t row = 0; row < 200; ++row)
            ASSERT_EQ(mask.kept_in(row * 128, (row + 1) * 128), 128 - pruned) << level << ", row " << row;
    }
}

TEST(Wanda, EveryStepStartsAnew) {
    const Mask all = Mask::zeros({1, 4});
    const Activations seen{{1, 1, 1, 1}, 1};
    EXPECT_THAT(WandaRequest().mask({1, 2, 3, 4}, {1, 4}, &seen, &all).to_bytes(), ElementsAre(0, 0, 1, 1))
        << "upstream gives the union with what was pruned before";
}

TEST(Wanda, GroupsEndWithTheirRow) {
    const Mask mask = WandaRequest()
                          .with("semi_structured_block_size", int64_t(4))
                          .mask({6, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6}, {2, 6}, {1, 1, 1, 1, 1, 1});
    EXPECT_THAT(mask.to_bytes(), ElementsAre(1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0));
}

TEST(Wanda, AConvolutionsFeaturesAreItsInputChannels) {
    const std::vector<float> weights(2 * 2 * 3, 1);
    const Mask unstructured = WandaRequest().mask(weights, {2, 2, 3}, {1, 4});
    EXPECT_THAT(unstructured.to_bytes(), ElementsAre(0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1));
    const Mask semi = WandaRequest().with("semi_structured_block_size", int64_t(2)).mask(weights, {2, 2, 3}, {1, 4});
    EXPECT_EQ(semi, unstructured) << "1 of 2 along the channels";
    const Mask grouped = WandaRequest().mask(std::vector<float>(8, 1), {4, 2, 1}, {1, 4, 9, 1});
    EXPECT_THAT(grouped.to_bytes(), ElementsAre(0, 1, 0, 1, 1, 0, 1, 0)) << "two groups, channels of their own";
}

TEST(Wanda, InputsMayLieAlongTheFirstDimension) {
    const Activations seen{{1, 9, 4}, 1, 0};
    const std::vector<float> weights{5, 1, 1, 1, 1, 1};  // three inputs, two outputs
    EXPECT_THAT(WandaRequest().with("sparsity_level", 0.34).mask(weights, {3, 2}, &seen).to_bytes(),
                ElementsAre(1, 0, 1, 1, 0, 1))
        << "5·1, 1·3, 1·2 and 1·1, 1·3, 1·2";
}

TEST(Wanda, SaysWhatIsMissing) {
    const auto message = [](auto&& call) -> std::string {
        try {
            call();
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::argument);
            return error.what();
        }
        return "nothing was thrown";
    };
    EXPECT_THAT(message([] {
                    WandaRequest().mask({1, 2}, {1, 2}, nullptr);
                }),
                testing::AllOf(HasSubstr("fc.weight"), HasSubstr("no calibration"), HasSubstr("--data")));
    EXPECT_THAT(message([] {
                    WandaRequest().mask({1, 2}, {1, 2}, std::vector<double>{1, 2, 3});
                }),
                testing::AllOf(HasSubstr("fc.weight"), HasSubstr("3 input features")));
    EXPECT_THAT(sparsifier("wanda").why_not({7}, DType::F32), HasSubstr("two dimensions"));
    EXPECT_THAT(sparsifier("wanda").why_not({7, 7}, DType::I64), HasSubstr("I64"));
}

TEST(Wanda, FeaturesThatWereNaNGoLast) {
    EXPECT_THAT(WandaRequest().mask({1, 1, 1, 9}, {1, 4}, {NAN, INFINITY, 1, 1}).to_bytes(), ElementsAre(1, 1, 0, 0));
    EXPECT_THAT(WandaRequest().mask({0, 1, 2, 9}, {1, 4}, {INFINITY, 1, 1, 1}).to_bytes(), ElementsAre(1, 0, 0, 1))
        << "0 · inf is no number";
}

}  // namespace
}  // namespace lacuna
