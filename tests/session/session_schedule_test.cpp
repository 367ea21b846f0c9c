#include <gmock/gmock.h>

#include "engine/session/pruning.h"
#include "engine/session/recipe_run.h"
#include "engine/session/session.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using namespace testing_support;

const std::string two_curves = R"(version: 1
groups:
  - {layers: [a], sparsifier: weight_norm, sparsity_level: 0.8, sparse_block_shape: [1, 1]}
  - {layers: [b], sparsifier: weight_norm, sparsity_level: 0.8, sparse_block_shape: [1, 1]}
steps: 6
schedule: {scheduler: cubic, init_sl: [0.2, 0.1], init_t: [0, 2], delta_t: 1, total_t: [5, 3]}
)";

/// Two tensors of 1,000 and 100 weights, so that levels are counts.
class SessionSchedules : public testing::Test {
  protected:
    SessionSchedules() {
        model = write_safetensors(folder / "model.safetensors",
                                  {random_weights("a", {20, 50}, 1), random_weights("b", {10, 10}, 2)});
        session.open(model);
    }

    SnapshotPtr shown() {
        session.wait_idle();
        return session.snapshot();
    }
    void load(const std::string& text) { session.load_recipe(folder.write("recipe.yaml", text)); }
    void choose_levels() {
        session.set_sparsifier({0, 1}, "weight_norm");
        session.set_option({0, 1}, "sparse_block_shape", std::vector<int64_t>{1, 1});
        session.set_option({0, 1}, "sparsity_level", 0.8);
    }
    int64_t pruned(size_t tensor) {
        const TensorStatePtr state = shown()->tensors.at(tensor);
        return state->shown ? state->shown->pruned() : 0;
    }
    std::string last_notice() {
        const auto snapshot = shown();
        return snapshot->notices.empty() ? "" : snapshot->notices.back().text + " | " + snapshot->notices.back().detail;
    }
    /// The masks that a recipe gives headless.
    MaskSet headless(const Recipe& recipe) {
        const CheckpointPtr checkpoint = open_checkpoint(model);
        Pruning pruning(checkpoint, resolve(recipe, *checkpoint), recipe.ties);
        Progress silent;
        take_steps(pruning, recipe, silent);
        return pruning.masks();
    }
    void expect_shown(const MaskSet& masks) {
        const auto snapshot = shown();
        for (size_t i = 0; i < 2; ++i) {
            const Mask& mask = *masks.at(snapshot->model->checkpoint().tensors()[i].name);
            const MaskPtr& here = snapshot->tensors[i]->shown;
            EXPECT_TRUE(here ? *here == mask : mask.pruned() == 0) << i;
        }
    }

    ScratchFolder folder;
    std::filesystem::path model;
    Session session{[] {}};
};

TEST_F(SessionSchedules, EveryStepIsTakenAtItsLevelAndTheNextOneIsPreviewed) {
    choose_levels();
    session.set_schedule({"cubic"});
    session.set_steps(5);
    session.fit_schedule();
    EXPECT_EQ(shown()->schedule->steps, 5);
    EXPECT_EQ(shown()->tensors[0]->scheduled, 0.0) << "epoch 0 is the curve's beginning";
    EXPECT_FALSE(shown()->pending);
    // 0.8 (1 − (1 − t/4)³), to the nearest even count
    const std::vector<int64_t> after{0, 462, 700, 788, 800};
    for (size_t step = 0; step < after.size(); ++step) {
        session.step();
        EXPECT_EQ(shown()->steps, int(step) + 1);
        EXPECT_EQ(1000 - shown()->history.at(step)->at(0), after[step]) << step;
        EXPECT_EQ(pruned(0), after[std::min(step + 1, after.size() - 1)]) << "the preview after step " << step;
        EXPECT_EQ(shown()->pending, step + 1 < after.size()) << step;
    }
}

TEST_F(SessionSchedules, RunTakesTheStepsLeftInOneUndoEntry) {
    choose_levels();
    session.set_schedule({"cubic"});
    session.step();
    session.run_schedule();
    EXPECT_EQ(shown()->steps, 10);
    EXPECT_EQ(shown()->history.size(), 10u);
    EXPECT_EQ(pruned(0), 800);
    EXPECT_EQ(shown()->undo_label, "Run schedule");
    session.undo();
    EXPECT_EQ(shown()->steps, 1);
    session.redo();
    session.restart();
    EXPECT_EQ(shown()->steps, 0);
    EXPECT_TRUE(shown()->history.empty());
    EXPECT_EQ(shown()->tensors[0]->stepped, nullptr);
    session.undo();
    EXPECT_EQ(shown()->steps, 10);
}

TEST_F(SessionSchedules, ALoadedScheduleEndsInAPreviewOfItsLastStep) {
    load(two_curves);
    EXPECT_EQ(shown()->steps, 5);
    EXPECT_TRUE(shown()->pending);
    EXPECT_EQ(shown()->history.size(), 5u);
    // a: t = 4 of 5 steps on the curve; b: t = 2 of 3
    EXPECT_EQ(shown()->history.back()->at(0), 1000 - 795);
    EXPECT_EQ(shown()->history.back()->at(1), 100 - 77);
    Recipe recipe = parse_recipe(two_curves, "r.yaml");
    expect_shown(headless(recipe));
    session.step();
    EXPECT_FALSE(shown()->pending) << "nothing is left to step";
    expect_shown(headless(recipe));
}

TEST_F(SessionSchedules, ASessionInTheMiddleGoesOnAndSavesTheSameBytes) {
    load(two_curves);
    session.restart();
    for (int step = 0; step < 3; ++step) session.step();
    Recipe recipe = parse_recipe(two_curves, "r.yaml");
    recipe.steps = 4;
    expect_shown(headless(recipe));
    session.save_recipe(folder / "middle.yaml");
    EXPECT_THAT(last_notice(), HasSubstr("its first 4 steps give the very masks shown: checked"));
    const Recipe saved = read_recipe(folder / "middle.yaml");
    EXPECT_EQ(saved.steps, 6);
    session.run_schedule();
    expect_shown(headless(saved));
    session.export_model(folder / "window.safetensors", Format::safetensors);
    session.wait_idle();
    Progress silent;
    export_checkpoint(*open_checkpoint(model), headless(saved), folder / "headless.safetensors", Format::safetensors,
                      silent);
    EXPECT_EQ(folder.read(folder / "window.safetensors"), folder.read(folder / "headless.safetensors"));
}

TEST_F(SessionSchedules, GroupsWithCurvesOfTheirOwnStayApart) {
    load(two_curves);
    session.save_recipe(folder / "saved.yaml");
    EXPECT_THAT(last_notice(), HasSubstr("run from the start it gives the very masks shown"));
    const Recipe saved = read_recipe(folder / "saved.yaml");
    ASSERT_EQ(saved.groups.size(), 2u) << "rule and options are equal, curves are not";
    ASSERT_EQ(saved.schedules.at(0).options.size(), 2u);
    EXPECT_EQ(saved.schedules.at(0).options[1].integer("init_t"), 2);
    EXPECT_EQ(saved.schedules.at(0).options[1].integer("total_t"), 3);
    EXPECT_EQ(saved.schedules.at(0).options[0].number("init_sl"), 0.2);
}

TEST_F(SessionSchedules, OptionsMoveThePreviewAndADragIsOneUndoEntry) {
    choose_levels();
    session.set_schedule({"cubic"});
    for (double level : {0.1, 0.2, 0.3}) session.set_schedule_option({0}, 0, "init_sl", level, true);
    session.set_schedule_option({0}, 0, "init_sl", 0.25, false);
    EXPECT_EQ(pruned(0), 250);
    EXPECT_EQ(pruned(1), 0);
    EXPECT_EQ(shown()->undo_label, "Set schedule's init sl of a");
    session.undo();
    EXPECT_EQ(pruned(0), 0);
    session.redo();
    session.reset_schedule_option({0}, 0, "init_sl");
    EXPECT_EQ(pruned(0), 0);
    session.set_schedule({});
    EXPECT_EQ(pruned(0), 800) << "without a schedule the tensors' own levels hold";
    EXPECT_FALSE(shown()->schedule);
}

TEST_F(SessionSchedules, WhatCannotBeIsSaidAndChangesNothing) {
    session.set_schedule({"cubic"});
    EXPECT_THAT(last_notice(), HasSubstr("no layer has a sparsifier with a sparsity level"));
    choose_levels();
    session.set_steps(3);
    EXPECT_THAT(last_notice(), HasSubstr("there is none | choose a scheduler first"));
    session.set_schedule({"cubik"});
    EXPECT_THAT(last_notice(), HasSubstr("did you mean cubic?"));
    EXPECT_FALSE(shown()->schedule);
    session.set_schedule({"cubic"});
    session.set_schedule_option({0}, 0, "init_sl", 2.0);
    EXPECT_THAT(last_notice(), HasSubstr("2 is not between 0 and 1"));
    session.run_schedule();
    session.set_steps(4);
    EXPECT_THAT(last_notice(), HasSubstr("4 is not between 10 and 10000"));
    EXPECT_EQ(shown()->schedule->steps, 10);
}

}  // namespace
}  // namespace lacuna
