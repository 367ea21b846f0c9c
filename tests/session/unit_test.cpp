// Tensors whose masks are computed together, in a session and headless.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "engine/session/mask_units.h"
#include "engine/session/pruning.h"
#include "engine/session/recipe_run.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using namespace testing_support;

class UnitTest : public testing::Test {
  protected:
    void SetUp() override {
        std::vector<float> small(512);
        for (size_t i = 0; i < small.size(); ++i) small[i] = 1e-3f * float(i + 1);  // all below most of the others
        model = write_safetensors(folder / "model.safetensors",
                                  {random_weights("a.weight", {32, 32}, 1), random_weights("b.weight", {16, 32}, 2),
                                   tensor_of<float>("c.weight", DType::F32, {16, 32}, small)});
        session.open(model);
        session.wait_idle();
        session.set_sparsifier({0, 1, 2}, "magnitude");
        session.wait_idle();
    }

    const TensorState& state(size_t tensor) { return *(snapshot = session.snapshot())->tensors.at(tensor); }
    int64_t pruned(size_t tensor) {
        const MaskPtr shown = state(tensor).shown;
        return shown ? shown->pruned() : 0;
    }
    int64_t pruned() { return pruned(0) + pruned(1) + pruned(2); }
    /// What the recipe gives headless.
    MaskSet headless(const std::string& recipe) {
        const CheckpointPtr checkpoint = open_checkpoint(model);
        const Recipe parsed = parse_recipe(recipe, "recipe.yaml");
        Pruning pruning(checkpoint, resolve(parsed, *checkpoint));
        Progress progress;
        take_steps(pruning, parsed, progress);
        return pruning.masks();
    }

    ScratchFolder folder;
    std::filesystem::path model;
    SnapshotPtr snapshot;
    Session session{[] {}};
};

TEST_F(UnitTest, APreviewSharesTheLevelAsHeadlessDoes) {
    EXPECT_EQ(pruned(), 1024) << "half of 2048";
    EXPECT_GT(pruned(2), 350) << "the small weights go first";
    const MaskSet masks = headless("version: 1\ngroups:\n  - layers: \"*\"\n    sparsifier: magnitude\n");
    for (size_t i = 0; i < 3; ++i)
        EXPECT_EQ(*state(i).shown, *masks.at(snapshot->model->checkpoint().tensors()[i].name)) << i;
}

TEST_F(UnitTest, ALevelOfItsOwnTakesATensorOutOfTheUnit) {
    const MaskPtr before = state(0).shown;
    session.set_option({2}, "sparsity_level", 0.25);
    session.wait_idle();
    EXPECT_EQ(unit_of(session.snapshot()->tensors, 0), (std::vector<size_t>{0, 1}));
    EXPECT_EQ(unit_of(session.snapshot()->tensors, 2), (std::vector<size_t>{2}));
    EXPECT_EQ(pruned(2), 128);
    EXPECT_EQ(pruned(0) + pruned(1), 768) << "the others share their own half now";
    EXPECT_NE(*state(0).shown, *before) << "its mask was computed again though it was not edited";
    session.undo();
    session.wait_idle();
    EXPECT_EQ(*state(0).shown, *before);
    session.redo();
    session.set_option({2}, "sparsity_level", 0.5);  // written out, the default is the default
    session.wait_idle();
    EXPECT_EQ(unit_of(session.snapshot()->tensors, 0), (std::vector<size_t>{0, 1, 2}));
    EXPECT_EQ(*state(0).shown, *before);
}

TEST_F(UnitTest, AFrozenTensorAndOneWithAnotherRuleLeaveToo) {
    session.set_frozen({2}, true);
    session.wait_idle();
    EXPECT_EQ(pruned(2), 0) << "nothing was stepped";
    EXPECT_EQ(pruned(), 768);
    EXPECT_TRUE(unit_of(session.snapshot()->tensors, 2).empty());
    session.set_frozen({2}, false);
    session.wait_idle();
    EXPECT_EQ(pruned(), 1024);
    session.set_sparsifier({1}, "weight_norm");
    session.wait_idle();
    EXPECT_EQ(pruned(1), 256);
    EXPECT_EQ(pruned(0) + pruned(2), 768);
    session.set_sparsifier({1}, "");
    session.wait_idle();
    EXPECT_EQ(pruned(1), 0);
}

TEST_F(UnitTest, ADragMovesTheWholeUnitAndIsOneUndoEntry) {
    for (const double level : {0.55, 0.6, 0.7, 0.8}) session.set_option({0, 1, 2}, "sparsity_level", level, true);
    session.set_option({0, 1, 2}, "sparsity_level", 0.75, false);
    session.wait_idle();
    EXPECT_EQ(pruned(), 1536);
    session.undo();
    session.wait_idle();
    EXPECT_EQ(pruned(), 1024);
}

TEST_F(UnitTest, StepsUndoAndClearing) {
    session.step();
    session.set_option({0, 1, 2}, "sparsity_level", 0.75);
    session.step();
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->steps, 2);
    EXPECT_FALSE(session.snapshot()->pending);
    EXPECT_EQ(pruned(), 1536);
    session.clear_masks({2});
    session.wait_idle();
    EXPECT_TRUE(session.snapshot()->pending) << "the cleared tensor's weights compete again";
    EXPECT_EQ(pruned(), 1536);
    session.undo();
    session.undo();
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->steps, 1);
    EXPECT_EQ(pruned(), 1536) << "undo goes to the preview before the step";
}

TEST_F(UnitTest, AScheduleMovesTheSharedLevel) {
    const MaskSet masks = headless(
        "version: 1\ngroups:\n  - layers: \"*\"\n    sparsifier: magnitude\n    sparsity_level: 0.8\nsteps: 4\n"
        "schedule:\n  scheduler: cubic\n  init_sl: 0.1\n  delta_t: 1\n  total_t: 3\n");
    EXPECT_EQ(masks.at("a.weight")->pruned() + masks.at("b.weight")->pruned() + masks.at("c.weight")->pruned(), 1638);
}

TEST_F(UnitTest, GroupsWithEqualOptionsAreOneUnitThroughSteps) {
    const std::string plain =
        "version: 1\ngroups:\n  - layers: [a.weight, b.weight]\n    sparsifier: magnitude\n"
        "  - layers: [c.weight]\n    sparsifier: magnitude\nsteps: 2\n";
    const MaskSet two = headless(plain);
    EXPECT_EQ(two.at("a.weight")->pruned() + two.at("b.weight")->pruned() + two.at("c.weight")->pruned(), 1024)
        << "two groups with equal options are one unit";
    std::ofstream(folder / "plain.yaml") << plain;
    session.load_recipe(folder / "plain.yaml");
    session.wait_idle();
    EXPECT_EQ(pruned(), 1024);
    session.step();
    session.wait_idle();
    for (size_t i = 0; i < 3; ++i)
        EXPECT_EQ(*state(i).stepped, *two.at(snapshot->model->checkpoint().tensors()[i].name)) << i;
    session.save_recipe(folder / "saved.yaml");
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->notices.back().kind, Notice::Kind::information)
        << session.snapshot()->notices.back().text;
}

TEST_F(UnitTest, TheThresholdLineIsTheUnits) {
    session.focus(2);
    session.wait_idle();
    const TensorDetailPtr detail = session.detail();
    ASSERT_TRUE(detail && detail->curve);
    const double cut = detail->curve->threshold_at(0.5);
    int64_t below = 0;
    for (size_t tensor = 0; tensor < 3; ++tensor) {
        const TensorView weight = session.snapshot()->model->checkpoint().view(tensor);
        std::vector<float> values(size_t(weight.elements()));
        read_as_float(weight, 0, weight.elements(), values.data());
        for (const float value : values) below += std::abs(value) < cut;
    }
    EXPECT_NEAR(double(below), 1024, 20);
    session.focus(0);
    session.wait_idle();
    EXPECT_EQ(session.detail()->curve, detail->curve) << "one curve for all tensors of the unit";
}

}  // namespace
}  // namespace lacuna
