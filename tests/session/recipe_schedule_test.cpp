#include <gmock/gmock.h>

#include "engine/base/error.h"
#include "engine/schedulers/schedule.h"
#include "engine/session/document.h"
#include "engine/session/recipe_run.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing_support::random_weights;
using testing_support::ScratchFolder;

const std::string two_groups = R"(version: 1
groups:
  - {layers: "a", sparsifier: weight_norm, sparsity_level: 0.8, sparse_block_shape: [1, 1]}
  - {layers: "b", sparsifier: weight_norm, sparsity_level: 0.4, sparse_block_shape: [1, 1]}
)";

class RecipeSchedules : public testing::Test {
  protected:
    RecipeSchedules() {
        path_ = testing_support::write_safetensors(
            folder_ / "model.safetensors", {random_weights("a", {20, 50}, 1), random_weights("b", {10, 10}, 2)});
    }

    /// Zeros of each tensor after every step.
    std::vector<std::vector<int64_t>> zeros_by_step(const std::string& text) {
        Recipe recipe = parse_recipe(text, "r.yaml");
        const int steps = recipe.steps;
        std::vector<std::vector<int64_t>> zeros;
        for (recipe.steps = 1; recipe.steps <= steps; ++recipe.steps) {
            const CheckpointPtr checkpoint = open_checkpoint(path_);
            Pruning pruning(checkpoint, resolve(recipe, *checkpoint), recipe.ties);
            Progress silent;
            take_steps(pruning, recipe, silent);
            zeros.emplace_back();
            for (const auto& group : pruning.groups()) zeros.back().push_back(group.fake_sparsity.mask->pruned());
        }
        return zeros;
    }

    std::string problem(const std::string& text) {
        try {
            zeros_by_step(text);
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::recipe);
            EXPECT_FALSE(error.hint().empty());
            return error.what();
        }
        return "no error";
    }

    ScratchFolder folder_;
    std::filesystem::path path_;
};

TEST_F(RecipeSchedules, LevelsMoveBeforeEveryStep) {
    const auto zeros = zeros_by_step(
        two_groups + "steps: 6\nschedule: {scheduler: cubic, init_sl: 0.1, init_t: 1, delta_t: 2, total_t: 2}\n");
    // Epochs 0 and 1 hold init_sl; then s_f + (s_0 − s_f)(1 − (t − 1)/4)³; epoch 5 is the target.
    const std::vector<double> left{1, 1, 27.0 / 64, 8.0 / 64, 1.0 / 64, 0};
    ASSERT_EQ(zeros.size(), left.size());
    for (size_t t = 0; t < left.size(); ++t) {
        EXPECT_EQ(zeros[t][0], std::nearbyint((0.8 - 0.7 * left[t]) * 1000)) << t;
        EXPECT_EQ(zeros[t][1], std::nearbyint((0.4 - 0.3 * left[t]) * 100)) << t;
    }
}

TEST_F(RecipeSchedules, OptionsMayDifferByGroup) {
    const auto zeros =
        zeros_by_step(two_groups +
                      "steps: 3\nschedule:\n  scheduler: cubic\n  init_sl: [0.2, 0.1]\n  init_t: [0, 2]\n"
                      "  delta_t: 1\n  total_t: 1\n  initially_zero: [false, true]\n");
    EXPECT_EQ(zeros, (std::vector<std::vector<int64_t>>{{200, 0}, {800, 0}, {800, 10}}));
}

TEST_F(RecipeSchedules, ALambdaIsAFormulaForAllGroupsOrOneForEach) {
    EXPECT_EQ(zeros_by_step(two_groups + "steps: 3\nschedule: {scheduler: lambda, factor: 0.5 ^ (2 - epoch)}\n"),
              (std::vector<std::vector<int64_t>>{{200, 10}, {400, 20}, {800, 40}}));
    EXPECT_EQ(zeros_by_step(two_groups + "steps: 2\nschedule: {scheduler: lambda, factor: [0.5, \"epoch\"]}\n"),
              (std::vector<std::vector<int64_t>>{{400, 0}, {400, 40}}));
}

TEST_F(RecipeSchedules, SchedulersInAListBuildOnEachOther) {
    const std::string ramp = "steps: 3\nschedule:\n  - {scheduler: lambda, factor: (epoch + 1) / 4}\n";
    // Upstream's: the second one's base is what the first has set at epoch 0, and what it sets holds.
    EXPECT_EQ(zeros_by_step(two_groups + ramp + "  - {scheduler: lambda, factor: [1 + epoch, 2]}\n"),
              (std::vector<std::vector<int64_t>>{{200, 20}, {400, 20}, {600, 20}}));
    // Of the level: it changes what the first has set for the step.
    EXPECT_EQ(zeros_by_step(two_groups + ramp + "  - {scheduler: lambda, of: level, factor: 'epoch < 2 ? 0 : 0.5'}\n"),
              (std::vector<std::vector<int64_t>>{{0, 0}, {0, 0}, {300, 15}}));
    // Alone and of the level, each step builds on the one before.
    EXPECT_EQ(
        zeros_by_step(two_groups + "steps: 3\nschedule: {scheduler: lambda, of: level, factor: 0.5 + 0.5 * epoch}\n"),
        (std::vector<std::vector<int64_t>>{{400, 20}, {400, 20}, {600, 30}}));
}

TEST_F(RecipeSchedules, ListsAreWrittenAndReadBack) {
    const Recipe recipe = parse_recipe(two_groups +
                                           "schedule:\n  - {scheduler: cubic, init_sl: [0.1, 0.2]}\n"
                                           "  - {scheduler: lambda, of: level, factor: 'min(1, epoch)'}\n",
                                       "r.yaml");
    const Recipe again = parse_recipe(to_yaml(recipe), "again");
    ASSERT_EQ(again.schedules.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(again.schedules[i].scheduler, recipe.schedules[i].scheduler);
        EXPECT_EQ(again.schedules[i].options, recipe.schedules[i].options);
    }
}

TEST_F(RecipeSchedules, LevelsOutsideZeroAndOneKeepAllOrNothing) {
    // 0.8 · (5 · epoch − 1): below 0, above 1
    EXPECT_EQ(zeros_by_step(two_groups + "steps: 2\nschedule: {scheduler: lambda, factor: 5 * epoch - 1}\n"),
              (std::vector<std::vector<int64_t>>{{0, 0}, {1000, 100}}));
}

TEST_F(RecipeSchedules, GroupsWithoutALevelAreSteppedAsTheyAre) {
    const auto zeros = zeros_by_step(
        "version: 1\ngroups:\n  - {layers: a, sparsifier: weight_norm, sparse_block_shape: [1, 1]}\n"
        "  - {layers: b, sparsifier: nearly_diagonal, nearliness: 1}\n"
        "steps: 2\nschedule: {scheduler: cubic, delta_t: 1, total_t: 1}\n");
    EXPECT_EQ(zeros, (std::vector<std::vector<int64_t>>{{0, 90}, {500, 90}}));
}

TEST_F(RecipeSchedules, IsWrittenAndReadBack) {
    for (const char* text :
         {"schedule: {scheduler: cubic, init_sl: 0.1, init_t: 3, initially_zero: true}\n",
          "schedule: {scheduler: cubic, init_sl: [0.1, 0.2], total_t: 7}\n", "schedule: {scheduler: cubic}\n",
          "schedule: {scheduler: lambda, factor: [epoch, 'epoch < 3 ? 1 : min(1, 2)']}\n",
          "schedule: {scheduler: lambda, factor: ['1e5', '007']}\n", "schedule: {scheduler: lambda, factor: 1}\n"}) {
        const Recipe recipe = parse_recipe(two_groups + text, "r.yaml"), again = parse_recipe(to_yaml(recipe), "again");
        ASSERT_TRUE(recipe.schedules.size() == 1 && again.schedules.size() == 1);
        EXPECT_EQ(again.schedules[0].scheduler, recipe.schedules[0].scheduler);
        EXPECT_EQ(again.schedules[0].options, recipe.schedules[0].options) << text;
    }
}

TEST_F(RecipeSchedules, MistakesNameTheLineAndTheKey) {
    const auto with = [&](const std::string& schedule) { return problem(two_groups + "schedule: " + schedule + "\n"); };
    EXPECT_THAT(with("cubic"), HasSubstr("r.yaml:5: schedule: is \"cubic\", not a mapping"));
    EXPECT_THAT(with("[]"), HasSubstr("r.yaml:5: schedule: is empty"));
    EXPECT_THAT(with("[{scheduler: cubic}, cubic]"), HasSubstr("r.yaml:5: schedule: is \"cubic\", not a mapping"));
    EXPECT_THAT(with("\n  - {scheduler: cubic}\n  - {scheduler: lambda, factor: 1 / epoch}"),
                HasSubstr("r.yaml:7: schedule: the schedule gave no finite sparsity_level for epoch 0"));
    EXPECT_THAT(with("{total_t: 3}"), HasSubstr("scheduler: is missing"));
    EXPECT_THAT(with("{scheduler: cubik}"), HasSubstr("did you mean cubic?"));
    EXPECT_THAT(with("{scheduler: [a]}"), HasSubstr("r.yaml:5: scheduler: is a list"));
    EXPECT_THAT(with("{scheduler: cubic, total: 3}"), HasSubstr("total: is not a key of a cubic schedule"));
    EXPECT_THAT(with("{scheduler: cubic, init_sl: 2}"), HasSubstr("r.yaml:5: init_sl: 2 is not between 0 and 1"));
    EXPECT_THAT(with("{scheduler: cubic, init_t: [1, 2, 3]}"), HasSubstr("init_t: lists 3 values for 2 groups"));
    EXPECT_THAT(with("{scheduler: cubic, init_t: [1, x]}"), HasSubstr("is not a whole number"));
    EXPECT_THAT(with("{scheduler: lambda, factor: 0.95 ^ epcoh}"),
                HasSubstr("r.yaml:5: factor: \"0.95 ^ epcoh\": column 8: \"epcoh\" is not known"));
    EXPECT_THAT(with("{scheduler: lambda, factor: [1, epoch =]}"),
                HasSubstr("r.yaml:5: factor: \"epoch =\": column 7"));
    EXPECT_THAT(with("{scheduler: lambda, factor: true}"), HasSubstr("r.yaml:5: factor: true is no formula"));
    EXPECT_THAT(problem(two_groups + "steps: 5\nschedule: {scheduler: lambda, factor: 1 / (epoch - 3)}\n"),
                HasSubstr("r.yaml:6: schedule: the schedule gave no finite sparsity_level for epoch 3"));
    EXPECT_THAT(
        problem("version: 1\ngroups: [{layers: a, sparsifier: nearly_diagonal}]\nschedule: {scheduler: cubic}\n"),
        HasSubstr("r.yaml:3: schedule: none of the groups' sparsifiers has a sparsity_level"));
    EXPECT_THAT(problem("version: 1\ngroups:\n  - {layers: a, sparsifier: weight_norm}\n  - {layers: a, sparsifier: "
                        "nearly_diagonal, nearliness: 3}\nschedule: {scheduler: cubic}\n"),
                HasSubstr("r.yaml:5: schedule: none of the sparsifiers has the option sparsity_level"));
}

TEST_F(RecipeSchedules, ADocumentTakesTheSameStepsAndSavesTheSchedule) {
    const DocumentPtr document = new_document(std::make_shared<const Model>(open_checkpoint(path_)));
    const Recipe recipe = read_recipe(LACUNA_RESOURCES "/recipes/cubic.yaml");
    Progress silent;
    const DocumentPtr run = with_recipe(*document, recipe, silent);
    Pruning pruning(open_checkpoint(path_), resolve(recipe, document->model->checkpoint()), recipe.ties);
    take_steps(pruning, recipe, silent);
    const MaskSet headless = pruning.masks(), shown = export_masks(*run);
    ASSERT_EQ(shown.size(), headless.size());
    for (const auto& [name, mask] : headless) EXPECT_EQ(*shown.at(name), *mask) << name;
    EXPECT_EQ(run->steps, 11);
    EXPECT_EQ(recipe_of(*run).schedules.at(0).scheduler, "cubic");
    EXPECT_EQ(recipe_of(*run).steps, 11);
}

TEST_F(RecipeSchedules, TheSampleReachesItsLevel) {
    const Recipe recipe = read_recipe(LACUNA_RESOURCES "/recipes/cubic.yaml");
    ASSERT_EQ(recipe.schedules.size(), 1u);
    const CheckpointPtr checkpoint = open_checkpoint(path_);
    Pruning pruning(checkpoint, resolve(recipe, *checkpoint), recipe.ties);
    Progress silent;
    take_steps(pruning, recipe, silent);
    EXPECT_EQ(pruning.steps_taken(), 11);
    EXPECT_EQ(pruning.groups()[0].target.options.number("sparsity_level"), 0.8);
    // 13 blocks a row, the last of two weights: 208 of 260 blocks
    const int64_t pruned = pruning.groups()[0].fake_sparsity.mask->pruned();
    EXPECT_GE(pruned, 208 * 4 - 20 * 2);
    EXPECT_LE(pruned, 208 * 4);
}

}  // namespace
}  // namespace lacuna
