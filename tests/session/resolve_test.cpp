#include <gmock/gmock.h>

#include "engine/base/error.h"
#include "engine/session/recipe.h"
#include "tests/session/simple_linear.h"

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace testing_support;

class Resolve : public testing::Test {
  protected:
    std::vector<Target> targets(const std::string& groups) const {
        return resolve(parse_recipe("version: 1\ngroups:\n" + groups, "r.yaml"), *checkpoint);
    }
    std::vector<std::string> names(const std::string& groups) const {
        std::vector<std::string> list;
        for (const Target& target : targets(groups)) list.push_back(checkpoint->tensors()[target.tensor].name);
        return list;
    }
    std::string problem(const std::string& groups) const {
        try {
            targets(groups);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::recipe);
            EXPECT_FALSE(error.hint().empty()) << error.what();
            return error.what();
        }
        return "no error";
    }

    ScratchFolder folder;
    CheckpointPtr checkpoint = simple_linear(folder, true);
};

TEST_F(Resolve, AStarTakesEveryWeightThatTheSparsifierCanPrune) {
    EXPECT_THAT(
        names("  - {layers: '*', sparsifier: weight_norm}\n"),
        ElementsAre("seq.0.weight", "seq.1.weight", "seq.2.weight", "linear1.weight", "linear2.weight", "conv.weight"));
    EXPECT_THAT(names("  - {layers: '*', sparsifier: nearly_diagonal}\n"),
                ElementsAre("seq.0.weight", "seq.1.weight", "seq.2.weight", "linear1.weight", "linear2.weight"));
}

TEST_F(Resolve, ExceptTakesAway) {
    EXPECT_THAT(names("  - {layers: '*', except: ['seq.*', conv.weight], sparsifier: weight_norm}\n"),
                ElementsAre("linear1.weight", "linear2.weight"));
    EXPECT_THAT(problem("  - {layers: 'seq.*', except: '*', sparsifier: weight_norm}\n"),
                HasSubstr("r.yaml:3: except: takes away every tensor"));
    EXPECT_THAT(problem("  - {layers: '*', except: linear1.wieght, sparsifier: weight_norm}\n"),
                AllOf(HasSubstr("r.yaml:3: except: there is no tensor called \"linear1.wieght\""),
                      HasSubstr("did you mean linear1.weight?")));
    EXPECT_EQ(names("  - {layers: '*', except: 'head*', sparsifier: weight_norm}\n").size(), 6u);
}

TEST_F(Resolve, AGlobMeansTheLayersThatARuleIsFor) {
    write_safetensors(folder / "mixed.safetensors",
                      {random_weights("lstm.weight_ih_l0", {16, 6}), random_weights("lstm.weight_hh_l0", {16, 4}),
                       random_weights("gru.weight_ih_l0", {12, 6}), random_weights("gru.weight_hh_l0", {12, 4}),
                       random_weights("fc.weight", {8, 4})});
    checkpoint = open_checkpoint(folder / "mixed.safetensors");
    EXPECT_THAT(names("  - {layers: '*', sparsifier: lstm_saliency}\n"),
                ElementsAre("lstm.weight_ih_l0", "lstm.weight_hh_l0"));
    EXPECT_THAT(names("  - {layers: fc.weight, sparsifier: lstm_saliency}\n"), ElementsAre("fc.weight"));
    EXPECT_THAT(problem("  - {layers: ['gru.*', 'fc*'], sparsifier: lstm_saliency}\n"),
                HasSubstr("\"gru.*\" matches no layer that lstm_saliency is for (gru.weight_ih_l0 is none)"));
}

TEST_F(Resolve, ATensorNamedOutrightNeedsToBeFloatingOnly) {
    EXPECT_THAT(names("  - {layers: [linear2.bias, optimizer.state.0.exp_avg], sparsifier: weight_norm}\n"),
                ElementsAre("linear2.bias", "optimizer.state.0.exp_avg"));
    EXPECT_THAT(problem("  - layers:\n      - linear1.weight\n      - steps\n    sparsifier: weight_norm\n"),
                HasSubstr("r.yaml:5: layers: steps cannot be pruned: is I64, not floating"));
    EXPECT_THAT(problem("  - {layers: conv.weight, sparsifier: nearly_diagonal}\n"),
                HasSubstr("conv.weight cannot be pruned: nearly_diagonal needs two dimensions"));
}

TEST_F(Resolve, ALaterGroupTakesOver) {
    const auto all = targets(
        "  - {layers: '*', sparsifier: weight_norm, sparsity_level: 0.25}\n"
        "  - {layers: 'seq.*', sparsifier: nearly_diagonal, nearliness: 3}\n"
        "  - {layers: seq.1.weight, sparsifier: weight_norm, sparse_block_shape: [2, 2]}\n");
    ASSERT_EQ(all.size(), 6u);
    EXPECT_EQ(all[0].sparsifier->name(), "nearly_diagonal");
    EXPECT_EQ(all[0].group, 1u);
    EXPECT_EQ(all[1].group, 2u);
    EXPECT_EQ(all[1].options.integer("zeros_per_block"), 4) << "left out: the whole block of that group";
    EXPECT_EQ(all[1].options.number("sparsity_level"), 0.5);
    EXPECT_EQ(all[3].group, 0u);
    EXPECT_EQ(all[3].options.number("sparsity_level"), 0.25);
}

TEST_F(Resolve, AGroupMayBeTakenOverWholly) {
    EXPECT_EQ(targets("  - {layers: linear1.weight, sparsifier: nearly_diagonal, nearliness: 99}\n"
                      "  - {layers: linear1.weight, sparsifier: weight_norm}\n")
                  .at(0)
                  .group,
              1u)
        << "options of a group that lost its tensors need not fit them";
}

TEST_F(Resolve, AGlobThatMatchesNothingIsAnError) {
    EXPECT_THAT(problem("  - layers: ['seq.*', 'decoder.*']\n    sparsifier: weight_norm\n"),
                HasSubstr("r.yaml:3: layers: the glob \"decoder.*\" matches no tensor"));
    EXPECT_THAT(problem("  - {layers: '*.bias', sparsifier: weight_norm}\n"), HasSubstr("linear2.bias has shape [10]"));
    EXPECT_THAT(problem("  - {layers: 'optim*', sparsifier: weight_norm}\n"), HasSubstr("belongs to an optimizer"));
    EXPECT_THAT(problem("  - {layers: 'step?', sparsifier: weight_norm}\n"), HasSubstr("is I64, not floating"));
}

TEST_F(Resolve, AMistypedNameIsPutRight) {
    EXPECT_THAT(problem("  - {layers: linear1.wieght, sparsifier: weight_norm}\n"),
                HasSubstr("there is no tensor called \"linear1.wieght\"; did you mean linear1.weight?"));
    EXPECT_THAT(problem("  - {layers: linear2, sparsifier: weight_norm}\n"), HasSubstr("write \"linear2.*\""));
}

TEST_F(Resolve, OptionsHaveToFitEachTensor) {
    EXPECT_THAT(problem("  - layers: 'linear*'\n    sparsifier: nearly_diagonal\n    nearliness: 9\n"),
                HasSubstr("r.yaml:5: nearliness: for linear1.weight: 9 reaches past"));
}

TEST(ResolveLarge, NamedTensorsTakeLinearTime) {
    const ScratchFolder folder;
    std::vector<TestTensor> tensors;
    Recipe recipe;
    recipe.groups.push_back({{}, {}, "weight_norm", {}, {}, {}});
    for (int i = 0; i < 20'000; ++i) {
        tensors.push_back(tensor_of<float>("layers." + std::to_string(i) + ".weight", DType::F32, {1, 1}, {1}));
        recipe.groups[0].layers.push_back(tensors.back().name);
    }
    const auto checkpoint = open_checkpoint(write_safetensors(folder / "many.safetensors", tensors));
    EXPECT_EQ(resolve(recipe, *checkpoint).size(), 20'000u);
}

}  // namespace
}  // namespace lacuna
