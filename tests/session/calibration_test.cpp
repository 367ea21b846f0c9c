// Rules that look at a layer's input, in a session and headless.

#include "engine/session/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/session/activations_file.h"
#include "engine/session/pruning.h"
#include "engine/session/recipe_run.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using namespace testing_support;

ActivationsPtr seen(std::vector<double> squares, int64_t rows = 3, int64_t weight_dim = 1) {
    return std::make_shared<const Activations>(Activations{std::move(squares), rows, weight_dim});
}

TEST(ActivationsFile, ComesBackAsItWas) {
    const ScratchFolder folder;
    const ActivationSet set{{"fc1.weight", seen({1, 0.1, 1e300})}, {"h.c_fc.weight", seen({2, 4}, 7, 0)}};
    Progress progress;
    write_activations(set, folder / "seen.safetensors", progress);
    const ActivationSet back = read_activations(folder / "seen.safetensors");
    ASSERT_EQ(back.size(), 2u);
    for (const auto& [name, one] : set) {
        EXPECT_EQ(back.at(name)->squares, one->squares);
        EXPECT_EQ(back.at(name)->rows, one->rows);
        EXPECT_EQ(back.at(name)->weight_dim, one->weight_dim);
    }
}

TEST(ActivationsFile, RefusesOtherFiles) {
    const ScratchFolder folder;
    const auto refused = [&](const std::vector<TestTensor>& tensors, const nlohmann::ordered_json& metadata) {
        try {
            read_activations(write_safetensors(folder / "other.safetensors", tensors, metadata));
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::format);
            return std::string(error.what());
        }
        return std::string("taken");
    };
    const auto vector = tensor_of<double>("w", DType::F64, {2}, {1, 2});
    EXPECT_THAT(refused({random_weights("w", {2, 2})}, nullptr), HasSubstr("not a vector of floating numbers"));
    EXPECT_THAT(refused({vector}, {{"rows.w", "many"}, {"weight_dim.w", "1"}}), HasSubstr("rows.w"));
    EXPECT_THAT(refused({vector}, {{"rows.w", "2"}, {"weight_dim.w", "5"}}), HasSubstr("weight_dim.w"));
    EXPECT_EQ(refused({vector}, {{"rows.w", "2"}, {"weight_dim.w", "1"}}), "taken");
    for (const double bad : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()})
        EXPECT_THAT(refused({tensor_of<double>("w", DType::F64, {2}, {1, bad})}, nullptr), HasSubstr("not finite"));
}

TEST(ActivationsFile, TakesSumsThatOthersWrote) {
    const ScratchFolder folder;
    const auto plain = tensor_of<float>("fc1.weight", DType::F32, {2}, {1, 2.5});
    const ActivationSet seen = read_activations(write_safetensors(folder / "sums.safetensors", {plain}));
    EXPECT_THAT(seen.at("fc1.weight")->squares, testing::ElementsAre(1, 2.5));
    EXPECT_EQ(seen.at("fc1.weight")->weight_dim, 1);
}

class Wanda : public testing::Test {
  protected:
    void SetUp() override {
        model = write_safetensors(folder / "model.safetensors",
                                  {random_weights("fc1.weight", {8, 16}, 1), random_weights("fc2.weight", {4, 8}, 2)});
        folder.write("wanda.yaml", "version: 1\ngroups:\n  - layers: \"*\"\n    sparsifier: wanda\n");
    }
    ScratchFolder folder;
    std::filesystem::path model;
};

TEST_F(Wanda, APruningStepsOnWhatItWasGiven) {
    const CheckpointPtr checkpoint = open_checkpoint(model);
    const Recipe recipe = read_recipe(folder / "wanda.yaml");
    const std::vector<Target> targets = resolve(recipe, *checkpoint);
    EXPECT_THAT(weights_to_calibrate(*checkpoint, targets), testing::ElementsAre("fc1.weight", "fc2.weight"));
    Pruning pruning(checkpoint, targets);
    Progress progress;
    EXPECT_THROW(pruning.step(progress), Error);
    EXPECT_EQ(pruning.steps_taken(), 0);
    pruning.set_activations(
        {{"fc1.weight", seen(std::vector<double>(16, 1))}, {"fc2.weight", seen({0, 0, 0, 0, 1e9, 1e9, 1e9, 1e9})}});
    pruning.step(progress);
    for (int64_t i = 0; i < 32; ++i) EXPECT_EQ((*pruning.masks().at("fc2.weight"))[i], i % 8 >= 4) << i;
    EXPECT_EQ(pruning.masks().at("fc1.weight")->pruned(), 64);
}

TEST_F(Wanda, WhatAGlobBroughtMayHaveNoInput) {
    const CheckpointPtr checkpoint = open_checkpoint(model);
    std::vector<Target> targets = resolve(read_recipe(folder / "wanda.yaml"), *checkpoint);
    for (Target& target : targets) target.by_glob = true;
    EXPECT_TRUE(leave_out_unseen(*checkpoint, {}, targets).empty()) << "nothing ran: that says nothing of any weight";
    const ActivationSet one{{"fc1.weight", seen({1})}};
    std::vector<Target> named = targets;
    named.back().by_glob = false;
    EXPECT_TRUE(leave_out_unseen(*checkpoint, one, named).empty());
    EXPECT_THAT(leave_out_unseen(*checkpoint, one, targets), testing::ElementsAre("fc2.weight"));
    EXPECT_EQ(targets.size(), 1u);
}

TEST_F(Wanda, SaysOfWhichWeightNothingIsKnown) {
    try {
        demand_activations({"fc1.weight", "fc2.weight"}, {{"fc1.weight", seen({1})}}, "is unknown", "give --data");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.where(), "fc2.weight");
        EXPECT_EQ(error.problem(), "is unknown");
        EXPECT_EQ(error.hint(), "give --data");
    }
}

TEST_F(Wanda, WithoutDataATensorSaysWhatToDo) {
    Session session([] {});
    session.open(model);
    session.set_sparsifier({0}, "wanda");
    session.wait_idle();
    EXPECT_THAT(session.snapshot()->tensors[0]->problem,
                testing::AllOf(HasSubstr("calibration"), HasSubstr("Open data")));
    EXPECT_FALSE(session.snapshot()->computing);
    EXPECT_EQ(session.snapshot()->tensors[0]->shown, nullptr);
    session.set_sparsifier({0}, "weight_norm");
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->tensors[0]->problem, "");
}

/// The demo model runs where the LibTorch side was built.
class RunningWanda : public testing::Test {
  protected:
    void SetUp() override {
        if (!LACUNA_WITH_TORCH) GTEST_SKIP() << "built without LibTorch";
        session.open(demo + "digits_cnn.pt");
        session.wait_idle();
        const Checkpoint& checkpoint = session.snapshot()->model->checkpoint();
        for (const char* name : {"fc1.weight", "conv2.weight"}) weights.push_back(checkpoint.find(name).value());
    }
    void open_data() {
        session.open_data(demo + "digits_test.safetensors");
        session.wait_idle();
    }
    const TensorState& state(size_t i) { return *(snapshot = session.snapshot())->tensors[weights[i]]; }

    std::string demo = LACUNA_RESOURCES "/demo/";
    std::vector<size_t> weights;
    SnapshotPtr snapshot;
    Session session{[] {}};
};

TEST_F(RunningWanda, CalibratesWhenDataAreThere) {
    session.set_sparsifier(weights, "wanda");
    session.wait_idle();
    EXPECT_THAT(state(0).problem, HasSubstr("Open data"));
    open_data();
    for (const size_t i : {0u, 1u}) {
        EXPECT_EQ(state(i).problem, "");
        ASSERT_TRUE(state(i).shown);
        EXPECT_DOUBLE_EQ(state(i).shown->sparsity(), 0.5);
    }
    EXPECT_TRUE(session.snapshot()->accuracy);
    EXPECT_FALSE(session.snapshot()->job);

    // As headless.
    const CheckpointPtr checkpoint = session.snapshot()->model->checkpoint_ptr();
    const Recipe recipe = parse_recipe(
        "version: 1\ngroups:\n  - layers: [fc1.weight, conv2.weight]\n    sparsifier: wanda\n", "recipe.yaml");
    Pruning pruning(checkpoint, resolve(recipe, *checkpoint));
    Progress progress;
    pruning.set_activations(
        make_runner(checkpoint, "cpu")
            ->calibrate(*Dataset::open(demo + "digits_test.safetensors"), {"fc1.weight", "conv2.weight"}, progress));
    pruning.step(progress);
    EXPECT_EQ(*state(0).shown, *pruning.masks().at("fc1.weight"));
    EXPECT_EQ(*state(1).shown, *pruning.masks().at("conv2.weight"));
}

TEST_F(RunningWanda, UndoGoesBackBeforeTheDataButKeepsWhatWasSeen) {
    session.set_sparsifier({weights[0]}, "wanda");
    session.wait_idle();
    session.set_option({weights[0]}, "sparsity_level", 0.25);
    session.wait_idle();
    open_data();
    session.undo();
    session.wait_idle();
    EXPECT_EQ(state(0).problem, "") << "it had one when nothing was seen";
    ASSERT_TRUE(state(0).shown);
    EXPECT_DOUBLE_EQ(state(0).shown->sparsity(), 0.5);
}

TEST_F(RunningWanda, ARecipeAndAStepCalibrateFirst) {
    open_data();
    const ScratchFolder folder;
    folder.write("wanda.yaml", "version: 1\ngroups:\n  - layers: \"*\"\n    sparsifier: wanda\n    scope: layer\n");
    session.load_recipe(folder / "wanda.yaml");
    session.step();
    session.wait_idle();
    ASSERT_EQ(session.snapshot()->steps, 1);
    EXPECT_FALSE(session.snapshot()->pending);
    EXPECT_DOUBLE_EQ(state(1).stepped->sparsity(), 0.5);
    session.save_recipe(folder / "saved.yaml");
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->notices.back().kind, Notice::Kind::information);
}

}  // namespace
}  // namespace lacuna
