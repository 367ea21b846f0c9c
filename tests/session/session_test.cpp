#include "engine/session/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <numeric>

#include "engine/session/pruning.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using namespace testing_support;

class SessionTest : public testing::Test {
  protected:
    void SetUp() override {
        model = write_safetensors(
            folder / "model.safetensors",
            {random_weights("fc1.weight", {32, 64}, 1), random_weights("fc1.bias", {32}, 2),
             random_weights("fc2.weight", {16, 32}, 3), tensor_of<int64_t>("steps", DType::I64, {}, {7})});
    }

    void open() {
        session.open(model);
        session.wait_idle();
        ASSERT_TRUE(session.snapshot()->model) << last_notice();
    }
    size_t index(const std::string& name) { return *session.snapshot()->model->checkpoint().find(name); }
    TensorStatePtr state(const std::string& name) { return session.snapshot()->tensors.at(index(name)); }
    double sparsity(const std::string& name) {
        const MaskPtr shown = state(name)->shown;
        return shown ? shown->sparsity() : 0;
    }
    std::string last_notice() {
        const auto snapshot = session.snapshot();
        return snapshot->notices.empty() ? "" : snapshot->notices.back().text + " | " + snapshot->notices.back().detail;
    }
    /// fc1 and fc2 under single-weight magnitude pruning.
    void set_up_magnitude(double level) {
        const std::vector<size_t> both{index("fc1.weight"), index("fc2.weight")};
        session.set_sparsifier(both, "weight_norm");
        session.set_option(both, "sparse_block_shape", std::vector<int64_t>{1, 1});
        session.set_option(both, "sparsity_level", level);
        session.wait_idle();
    }

    ScratchFolder folder;
    std::filesystem::path model;
    std::atomic<int> changes{0};
    Session session{[this] { ++changes; }};
};

TEST_F(SessionTest, OpensAndPublishes) {
    EXPECT_FALSE(session.snapshot()->model);
    open();
    const auto snapshot = session.snapshot();
    EXPECT_EQ(snapshot->tensors.size(), 4u);
    EXPECT_EQ(snapshot->prunable, 32 * 64 + 16 * 32);
    EXPECT_EQ(snapshot->parameters, snapshot->model->checkpoint().parameters());
    EXPECT_EQ(snapshot->pruned, 0);
    EXPECT_FALSE(snapshot->pending || snapshot->computing || snapshot->modified || snapshot->job);
    EXPECT_GT(changes, 0);
}

TEST_F(SessionTest, AFailedOpenLeavesTheModelAndSaysWhy) {
    open();
    session.open(folder / "missing.pt");
    session.wait_idle();
    EXPECT_TRUE(session.snapshot()->model);
    EXPECT_THAT(last_notice(), testing::StartsWith("Opening missing.pt: there is no such file"))
        << "the file is named once";
    EXPECT_EQ(session.snapshot()->notices.back().kind, Notice::Kind::error);
    EXPECT_FALSE(session.snapshot()->job);
}

TEST_F(SessionTest, PreviewsWithoutStepping) {
    open();
    set_up_magnitude(0.75);
    EXPECT_DOUBLE_EQ(sparsity("fc1.weight"), 0.75);
    EXPECT_TRUE(state("fc1.weight")->pending());
    EXPECT_EQ(state("fc1.weight")->stepped, nullptr);
    EXPECT_TRUE(session.snapshot()->pending);
    EXPECT_EQ(session.snapshot()->steps, 0);
    EXPECT_EQ(session.snapshot()->pruned, (32 * 64 + 16 * 32) * 3 / 4);
    EXPECT_EQ(state("fc1.weight")->kept, 32 * 64 / 4);
}

TEST_F(SessionTest, StepCommitsUndoAndRedoGoThere) {
    open();
    set_up_magnitude(0.5);
    session.step();
    session.wait_idle();
    EXPECT_FALSE(session.snapshot()->pending);
    EXPECT_EQ(session.snapshot()->steps, 1);
    EXPECT_EQ(session.snapshot()->undo_label, "Step 1");
    const MaskPtr stepped = state("fc1.weight")->stepped;
    ASSERT_TRUE(stepped);
    session.undo();
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->steps, 0);
    EXPECT_TRUE(session.snapshot()->pending);
    EXPECT_EQ(session.snapshot()->redo_label, "Step 1");
    session.redo();
    session.wait_idle();
    EXPECT_EQ(*state("fc1.weight")->stepped, *stepped);
    EXPECT_FALSE(session.snapshot()->pending);
    for (int i = 0; i < 4; ++i) session.undo();
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->pruned, 0);
    EXPECT_EQ(session.snapshot()->undo_label, "");
    EXPECT_EQ(state("fc1.weight")->sparsifier, nullptr);
}

TEST_F(SessionTest, ADragIsOneUndoEntry) {
    open();
    set_up_magnitude(0.1);
    const std::vector<size_t> fc1{index("fc1.weight")};
    for (int i = 2; i <= 9; ++i) session.set_option(fc1, "sparsity_level", i / 10.0, true);
    session.set_option(fc1, "sparsity_level", 0.25, false);
    session.wait_idle();
    EXPECT_DOUBLE_EQ(sparsity("fc1.weight"), 0.25);
    EXPECT_EQ(session.snapshot()->undo_label, "Set sparsity level of fc1.weight");
    session.undo();
    session.wait_idle();
    EXPECT_NEAR(sparsity("fc1.weight"), 0.1, 1e-3);
    EXPECT_EQ(session.snapshot()->undo_label, "Set sparsity level of 2 tensors");
}

TEST_F(SessionTest, WhatIsDraggedOnAfterSavingIsNotSaved) {
    open();
    set_up_magnitude(0.1);
    const std::vector<size_t> fc1{index("fc1.weight")};
    session.set_option(fc1, "sparsity_level", 0.2, true);
    session.save_recipe(folder / "saved.yaml");
    session.wait_idle();
    EXPECT_FALSE(session.snapshot()->modified) << last_notice();
    session.set_option(fc1, "sparsity_level", 0.3, false);
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->undo_label, "Set sparsity level of fc1.weight") << "one drag";
    EXPECT_TRUE(session.snapshot()->modified);
}

TEST_F(SessionTest, PreviewsGoOnceOthersTakeTheirPlaceAndComeBackByUndo) {
    open();
    set_up_magnitude(0.25);
    const Mask first = *state("fc1.weight")->shown;
    const std::weak_ptr<const Mask> held = state("fc1.weight")->shown;
    const MaskPtr other = state("fc2.weight")->shown;
    session.set_option({index("fc1.weight")}, "sparsity_level", 0.5);
    session.wait_idle();
    EXPECT_TRUE(held.expired()) << "a model's masks are large, and an edit can be undone without them";
    session.undo();
    session.wait_idle();
    EXPECT_EQ(*state("fc1.weight")->shown, first);
    EXPECT_EQ(state("fc1.weight")->kept, first.kept());
    EXPECT_EQ(state("fc2.weight")->shown, other) << "what the undone edit left alone is not computed again";
    session.redo();
    session.wait_idle();
    EXPECT_DOUBLE_EQ(sparsity("fc1.weight"), 0.5);
}

TEST_F(SessionTest, FrozenTensorsKeepTheirMask) {
    open();
    set_up_magnitude(0.5);
    session.step();
    session.set_frozen({index("fc1.weight")}, true);
    session.set_option({index("fc1.weight"), index("fc2.weight")}, "sparsity_level", 0.75);
    session.step();
    session.wait_idle();
    EXPECT_DOUBLE_EQ(sparsity("fc1.weight"), 0.5);
    EXPECT_DOUBLE_EQ(sparsity("fc2.weight"), 0.75);
}

TEST_F(SessionTest, TensorsThatCannotTakeAnIntentAreLeftAloneWithAReason) {
    open();
    session.set_sparsifier({index("steps"), index("fc1.weight")}, "weight_norm");
    session.wait_idle();
    EXPECT_EQ(state("steps")->sparsifier, nullptr);
    ASSERT_NE(state("fc1.weight")->sparsifier, nullptr);
    EXPECT_THAT(last_notice(), HasSubstr("steps"));
    session.set_option({index("fc1.weight")}, "sparsity_level", 7.0);
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->notices.back().kind, Notice::Kind::error);
    EXPECT_DOUBLE_EQ(sparsity("fc1.weight"), 0.5) << "the value before stays";
}

TEST_F(SessionTest, OptionsThatDoNotFitAreAProblemOfTheTensorAndStopAStep) {
    open();
    set_up_magnitude(0.5);
    session.set_option({index("fc1.weight")}, "zeros_per_block", int64_t(4));
    session.wait_idle();
    EXPECT_THAT(state("fc1.weight")->problem, HasSubstr("zeros_per_block"));
    EXPECT_FALSE(state("fc1.weight")->pending());
    session.step();
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->steps, 0);
    EXPECT_THAT(last_notice(), HasSubstr("zeros_per_block"));
    session.reset_option({index("fc1.weight")}, "zeros_per_block");
    session.wait_idle();
    EXPECT_EQ(state("fc1.weight")->problem, "");
    EXPECT_DOUBLE_EQ(sparsity("fc1.weight"), 0.5);
}

TEST_F(SessionTest, NothingToStepIsSaid) {
    open();
    session.step();
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->steps, 0);
    EXPECT_THAT(last_notice(), HasSubstr("nothing to step"));
}

TEST_F(SessionTest, DetailFollowsTheFocus) {
    open();
    EXPECT_FALSE(session.detail());
    session.focus(index("fc2.weight"));
    set_up_magnitude(0.5);
    const auto detail = session.detail();
    ASSERT_TRUE(detail);
    EXPECT_EQ(detail->tensor, index("fc2.weight"));
    EXPECT_EQ(detail->mask, state("fc2.weight")->shown);
    EXPECT_TRUE(detail->pending);
    ASSERT_TRUE(detail->bins && detail->pruned_bins && detail->density && detail->magnitude && detail->curve);
    EXPECT_DOUBLE_EQ(*detail->level, 0.5);
    int64_t pruned = 0;
    for (int64_t count : *detail->pruned_bins) pruned += count;
    EXPECT_EQ(pruned, 16 * 32 / 2);
    session.set_option({index("fc2.weight")}, "sparsity_level", 0.25);
    session.wait_idle();
    EXPECT_EQ(session.detail()->bins, detail->bins) << "weights do not change, so their bins are kept";
    EXPECT_EQ(session.detail()->curve, detail->curve);
    EXPECT_NE(session.detail()->density, detail->density);
    const double threshold = detail->curve->threshold_at(0.5);
    session.step();
    session.wait_idle();
    EXPECT_DOUBLE_EQ(session.detail()->curve->threshold_at(0.5), threshold) << "the line stays where it cut";
    session.focus(std::nullopt);
    session.wait_idle();
    EXPECT_FALSE(session.detail());
}

TEST_F(SessionTest, ARecipeInTheWindowGivesTheBytesThatItGivesHeadless) {
    const auto recipe =
        folder.write("recipe.yaml",
                     "version: 1\ngroups:\n  - layers: \"*\"\n    sparsifier: weight_norm\n"
                     "    sparsity_level: 0.7\n    sparse_block_shape: [1, 4]\n    zeros_per_block: 2\nsteps: 2\n");
    open();
    session.load_recipe(recipe);
    session.export_model(folder / "window.safetensors", Format::safetensors, folder / "window.masks");
    session.wait_idle();
    EXPECT_THAT(last_notice(), HasSubstr("Exported window.safetensors"));
    EXPECT_EQ(session.snapshot()->steps, 2);
    EXPECT_FALSE(session.snapshot()->modified);

    const CheckpointPtr checkpoint = open_checkpoint(model);
    const Recipe read = read_recipe(recipe);
    Pruning pruning(checkpoint, resolve(read, *checkpoint), read.ties);
    Progress silent;
    for (int i = 0; i < read.steps; ++i) pruning.step(silent);
    export_checkpoint(*checkpoint, pruning.masks(), folder / "headless.safetensors", Format::safetensors, silent);
    write_masks(pruning.masks(), folder / "headless.masks", silent);
    EXPECT_EQ(folder.read(folder / "window.safetensors"), folder.read(folder / "headless.safetensors"));
    EXPECT_EQ(folder.read(folder / "window.masks"), folder.read(folder / "headless.masks"));
}

TEST_F(SessionTest, ALoadedRecipesLastStepIsAPreviewThatCanBeMovedBothWays) {
    const auto recipe = folder.write("recipe.yaml",
                                     "version: 1\ngroups:\n  - layers: [fc1.weight]\n    sparsifier: weight_norm\n"
                                     "    sparsity_level: 0.5\n    sparse_block_shape: [1, 1]\n");
    open();
    session.load_recipe(recipe);
    session.wait_idle();
    EXPECT_TRUE(session.snapshot()->pending);
    EXPECT_EQ(session.snapshot()->steps, 0);
    const MaskPtr half = state("fc1.weight")->shown;
    session.set_option({index("fc1.weight")}, "sparsity_level", 0.25);
    session.wait_idle();
    EXPECT_EQ((*half - *state("fc1.weight")->shown).kept(), 0) << "what half keeps, a quarter keeps too";
    EXPECT_DOUBLE_EQ(sparsity("fc1.weight"), 0.25);
    session.save_recipe(folder / "quarter.yaml");
    session.wait_idle();
    EXPECT_THAT(last_notice(), HasSubstr("checked"));
    EXPECT_EQ(read_recipe(folder / "quarter.yaml").steps, 1);
}

TEST_F(SessionTest, ASavedRecipeIsCheckedAgainstWhatIsShown) {
    open();
    set_up_magnitude(0.6);
    session.save_recipe(folder / "saved.yaml");
    session.wait_idle();
    EXPECT_THAT(last_notice(), HasSubstr("checked"));
    const MaskPtr shown = state("fc1.weight")->shown;
    session.close();
    session.open(model);
    session.load_recipe(folder / "saved.yaml");
    session.wait_idle();
    EXPECT_EQ(*state("fc1.weight")->shown, *shown);

    session.set_frozen({index("fc1.weight")}, true);
    session.set_option({index("fc1.weight")}, "sparsity_level", 0.9);
    session.save_recipe(folder / "other.yaml");
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->notices.back().kind, Notice::Kind::warning);
    EXPECT_THAT(last_notice(), HasSubstr("fc1.weight"));
}

TEST_F(SessionTest, ARecipeOfVeryManyNamesIsReadAgain) {
    std::vector<TestTensor> tensors;
    for (int i = 0; i < 12'000; ++i)
        tensors.push_back(random_weights(std::string(90, 'n') + std::to_string(i), {1, 2}, unsigned(i)));
    model = write_safetensors(folder / "many.safetensors", tensors);
    open();
    std::vector<size_t> all_but_one(tensors.size() - 1);
    std::iota(all_but_one.begin(), all_but_one.end(), size_t(1));
    session.set_sparsifier(all_but_one, "weight_norm");
    session.save_recipe(folder / "many.yaml");
    session.wait_idle();
    EXPECT_GT(std::filesystem::file_size(folder / "many.yaml"), 1u << 20) << last_notice();
    EXPECT_EQ(read_recipe(folder / "many.yaml").groups.at(0).layers.size(), all_but_one.size());
}

TEST_F(SessionTest, ARecipeThatNobodyCouldReadIsNotWritten) {
    const std::string endless(size_t(33) << 20, 'n');
    model = write_safetensors(folder / "endless.safetensors",
                              {random_weights(endless, {2, 4}, 1), random_weights("other", {2, 4}, 2)});
    open();
    session.set_sparsifier({index(endless)}, "weight_norm");
    session.save_recipe(folder / "endless.yaml");
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->notices.back().kind, Notice::Kind::error);
    EXPECT_THAT(last_notice(), HasSubstr("is larger than 32 MiB"));
    EXPECT_FALSE(std::filesystem::exists(folder / "endless.yaml"));
    EXPECT_TRUE(session.snapshot()->modified);
}

TEST_F(SessionTest, AnEditDuringAnExportIsNotSaved) {
    open();
    set_up_magnitude(0.5);
    session.step();
    session.wait_idle();
    session.export_model(folder / "out.safetensors", Format::safetensors);
    session.set_option({0}, "sparsity_level", 0.25, false);
    session.wait_idle();
    EXPECT_TRUE(session.snapshot()->modified);
}

TEST_F(SessionTest, AFailedExportLeavesTheTargetAlone) {
    open();
    set_up_magnitude(0.5);
    const std::string before = folder.read(model);
    session.export_model(model, Format::safetensors);
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->notices.back().kind, Notice::Kind::error) << last_notice();
    EXPECT_EQ(folder.read(model), before);
    EXPECT_TRUE(session.snapshot()->modified);
}

TEST_F(SessionTest, AModelAndItsMasksAppearTogetherOrNotAtAll) {
    open();
    set_up_magnitude(0.5);
    const auto old = folder.write("out.safetensors", "what was there before");
    for (const auto& masks : {folder / "nowhere" / "out.masks", folder.path(), old, model}) {
        session.export_model(old, Format::safetensors, masks);
        session.wait_idle();
        EXPECT_EQ(session.snapshot()->notices.back().kind, Notice::Kind::error) << masks << ": " << last_notice();
        EXPECT_EQ(folder.read(old), "what was there before") << masks;
        EXPECT_TRUE(session.snapshot()->modified);
    }
    session.export_model(old, Format::safetensors, folder / "out.masks");
    session.wait_idle();
    EXPECT_THAT(last_notice(), HasSubstr("Exported out.safetensors"));
    EXPECT_EQ(open_checkpoint(old)->tensors().size(), 4u);
    EXPECT_EQ(read_masks(folder / "out.masks").size(), 2u);
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
        EXPECT_FALSE(entry.path().filename().string().starts_with(".")) << "nothing is left beside them";
}

TEST_F(SessionTest, DataForACheckpointWithoutCodeSaysThereIsNoAccuracy) {
    const auto data = write_safetensors(
        folder / "data.safetensors",
        {random_weights("inputs", {8, 64}), tensor_of<int64_t>("labels", DType::I64, {8}, {0, 1, 2, 3, 0, 1, 2, 3})});
    open();
    session.open_data(data);
    session.wait_idle();
    EXPECT_FALSE(session.snapshot()->accuracy);
    EXPECT_THAT(session.snapshot()->evaluation_problem, HasSubstr("no code to run"));
    EXPECT_THAT(session.snapshot()->evaluation_hint, HasSubstr("TorchScript"));
    EXPECT_THAT(last_notice(), HasSubstr("Accuracy on data.safetensors is not known: this checkpoint carries no code"));
    const size_t told = session.snapshot()->notices.size();
    set_up_magnitude(0.5);
    EXPECT_EQ(session.snapshot()->notices.size(), told) << "it is said once";
}

TEST_F(SessionTest, DataThatTheModelCannotTakeSaysWhyThereIsNoAccuracy) {
    if (!LACUNA_WITH_TORCH) GTEST_SKIP() << "built without LibTorch";
    session.open(LACUNA_RESOURCES "/demo/digits_cnn.pt");
    session.open_data(LACUNA_RESOURCES "/demo/digits_test.safetensors");
    session.wait_idle();
    ASSERT_TRUE(session.snapshot()->accuracy) << last_notice();
    session.open_data(
        write_safetensors(folder / "flat.safetensors",
                          {random_weights("inputs", {2, 7}), tensor_of<int64_t>("labels", DType::I64, {2}, {0, 1})}));
    session.wait_idle();
    const SnapshotPtr snapshot = session.snapshot();
    EXPECT_FALSE(snapshot->accuracy || snapshot->evaluating);
    EXPECT_THAT(snapshot->evaluation_problem, HasSubstr("cannot run on inputs of shape [2, 7]"));
    EXPECT_THAT(snapshot->evaluation_hint, HasSubstr("of the shape that the model was made for"));
    EXPECT_THAT(last_notice(), HasSubstr("Accuracy on flat.safetensors is not known: the model cannot run"));
    session.open_data(LACUNA_RESOURCES "/demo/digits_test.safetensors");
    session.wait_idle();
    EXPECT_TRUE(session.snapshot()->accuracy);
    EXPECT_EQ(session.snapshot()->evaluation_problem + session.snapshot()->evaluation_hint, "");
}

TEST_F(SessionTest, DataWithoutLabelsIsNoMistake) {
    open();
    session.open_data(write_safetensors(folder / "samples.safetensors", {random_weights("inputs", {8, 64})}));
    session.wait_idle();
    EXPECT_THAT(session.snapshot()->evaluation_problem, HasSubstr("no labels"));
    EXPECT_EQ(last_notice(), "");
}

TEST_F(SessionTest, TheDetailSaysWhatALevelIsAShareOf) {
    open();
    set_up_magnitude(0.5);
    session.focus(index("fc1.weight"));
    session.wait_idle();
    EXPECT_EQ(session.detail()->level_of + session.detail()->threshold_of, "") << "single weights, by their size";
    const std::vector<size_t> both{index("fc1.weight"), index("fc2.weight")};
    session.set_option(both, "sparse_block_shape", std::vector<int64_t>{1, 4});
    session.wait_idle();
    EXPECT_EQ(session.detail()->level_of, "1×4 blocks");
    EXPECT_EQ(session.detail()->threshold_of, "RMS");
    session.set_option(both, "norm", std::string("1"));
    session.wait_idle();
    EXPECT_EQ(session.detail()->threshold_of, "mean |w|");
    session.set_sparsifier(both, "magnitude");
    session.wait_idle();
    EXPECT_EQ(session.detail()->level_of, "2 tensors' weights");
    session.set_option(both, "sparse_block_shape", std::vector<int64_t>{1, 8});
    session.wait_idle();
    EXPECT_EQ(session.detail()->level_of, "2 tensors' 1×8 blocks");
    EXPECT_EQ(session.detail()->threshold_of, "mean |w|");
}

TEST_F(SessionTest, ClosingInTheMiddleOfEverythingIsQuiet) {
    open();
    for (int round = 0; round < 20; ++round) {
        Session other([] {});
        other.open(model);
        other.set_sparsifier({0, 2}, "weight_norm");
        other.focus(0);
        other.export_model(folder / "gone.safetensors", Format::safetensors);
    }
    if (std::filesystem::exists(folder / "gone.safetensors")) {
        EXPECT_EQ(open_checkpoint(folder / "gone.safetensors")->tensors().size(),
                  open_checkpoint(model)->tensors().size());
    }
}

TEST_F(SessionTest, ANoticeNamesItsFileOnce) {
    open();
    session.load_recipe(folder.write("bad.yaml", "version: 1\ngroups: []\n"));
    session.wait_idle();
    EXPECT_THAT(last_notice(), testing::StartsWith("Recipe bad.yaml:2: groups: is empty"));
    session.load_recipe(folder / "none.yaml");
    session.wait_idle();
    EXPECT_THAT(last_notice(), testing::StartsWith("Recipe none.yaml: cannot be opened"));
}

TEST_F(SessionTest, AConversionThatCannotBeIsSaidAndWritesNothing) {
    open();
    session.convert_model({.conversion = "none_such", .options = {}, .input_shape = {}, .out = folder / "out.pt"});
    session.wait_idle();
    EXPECT_EQ(session.snapshot()->notices.back().kind, Notice::Kind::error);
    EXPECT_THAT(last_notice(), testing::StartsWith("Converting to out.pt: "));
    EXPECT_FALSE(session.snapshot()->conversion);
    EXPECT_FALSE(std::filesystem::exists(folder / "out.pt"));
    EXPECT_FALSE(session.snapshot()->job);
}

}  // namespace
}  // namespace lacuna
