#include "engine/session/sparsifier_state.h"

#include <gmock/gmock.h>

#include <cstring>

#include "engine/base/error.h"
#include "engine/session/data_pruning.h"
#include "engine/session/recipe_run.h"
#include "tests/session/simple_linear.h"
#include "tests/support/problem_of.h"

namespace lacuna {
namespace {

using namespace testing_support;
using testing::HasSubstr;

constexpr const char* half =
    "version: 1\ngroups:\n  - {layers: '*', sparsifier: weight_norm, sparsity_level: 0.5, sparse_block_shape: [1, "
    "1]}\n";
constexpr const char* unsaid = "version: 1\ngroups:\n  - {layers: '*', sparsifier: weight_norm}\n";

Pruning pruned(const CheckpointPtr& checkpoint, const char* recipe_text) {
    const Recipe recipe = parse_recipe(recipe_text, "r.yaml");
    Pruning pruning(checkpoint, resolve(recipe, *checkpoint), recipe.ties);
    Progress progress;
    take_steps(pruning, recipe, progress);
    return pruning;
}

/// A pruning that goes on from a state by a recipe; no step is taken.
Pruning resumed(const CheckpointPtr& checkpoint, const SparsifierState& state, const char* recipe_text) {
    const Recipe recipe = parse_recipe(recipe_text, "r.yaml");
    Pruning pruning(checkpoint, targets_from(state, recipe, *checkpoint, resolve(recipe, *checkpoint)), recipe.ties);
    take_masks(pruning, state);
    return pruning;
}

SparsifierState round_trip(const ScratchFolder& folder, const SparsifierState& state) {
    Progress progress;
    write_sparsifier_state(state, folder / "state.pt", progress);
    return read_sparsifier_state(folder / "state.pt");
}

TEST(SparsifierState, IsToldFromOtherFiles) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder);
    round_trip(folder, state_of(pruned(checkpoint, half)));
    EXPECT_TRUE(is_sparsifier_state(folder / "state.pt"));
    EXPECT_TRUE(is_sparsifier_state(LACUNA_TEST_DATA "/session/fixtures/python_state.pt"));
    for (const char* other : {"/demo/digits_cnn.pt", "/demo/digits_cnn.safetensors", "/recipes/half.yaml", "/nowhere"})
        EXPECT_FALSE(is_sparsifier_state(LACUNA_RESOURCES + std::string(other))) << other;
}

TEST(SparsifierState, ReadingOneIsCountedAndCanBeCancelled) {
    const ScratchFolder folder;
    round_trip(folder, state_of(pruned(simple_linear(folder), half)));
    std::vector<ProgressState> seen;
    CancelToken token;
    Progress progress([&](const ProgressState& state) { seen.push_back(state); }, token);
    read_sparsifier_state(folder / "state.pt", progress);
    ASSERT_FALSE(seen.empty());
    EXPECT_EQ(seen.back().done, 5u);
    token.cancel();
    EXPECT_THROW(read_sparsifier_state(folder / "state.pt", progress), Cancelled);
}

TEST(SparsifierState, GoesToAFileAndBack) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder);
    const Pruning pruning = pruned(checkpoint, half);
    const SparsifierState state = round_trip(folder, state_of(pruning));
    ASSERT_EQ(state.groups.size(), 5u);
    EXPECT_TRUE(state.notes.empty());
    for (size_t i = 0; i < 5; ++i) {
        const SavedGroup& saved = state.groups[i];
        const Pruning::Group& group = pruning.groups()[i];
        EXPECT_EQ(saved.tensor_fqn, group.fqn);
        ASSERT_TRUE(saved.mask);
        EXPECT_GT(saved.mask->pruned(), 0);
        EXPECT_EQ(*saved.mask, *group.fake_sparsity.mask);
        ASSERT_EQ(saved_sparsifier(saved), group.target.sparsifier);
        EXPECT_EQ(saved_options(saved, *group.target.sparsifier, "x"), group.target.options);
    }
}

TEST(SparsifierState, APruningGoesOnAsIfItHadNotStopped) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder);
    Progress progress;
    Pruning never_stopped = pruned(checkpoint, half);
    const SparsifierState state = round_trip(folder, state_of(never_stopped));
    Pruning again = resumed(checkpoint, state, unsaid);  // the level and the block are the state's
    const std::vector<std::optional<double>> higher(5, 0.75);
    never_stopped.set_option("sparsity_level", higher);
    again.set_option("sparsity_level", higher);
    for (size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(again.groups()[i].target.options, never_stopped.groups()[i].target.options);
        EXPECT_EQ(*again.groups()[i].fake_sparsity.mask, *never_stopped.groups()[i].fake_sparsity.mask);
    }
    never_stopped.step(progress);
    again.step(progress);
    for (size_t i = 0; i < 5; ++i)
        EXPECT_EQ(*again.groups()[i].fake_sparsity.mask, *never_stopped.groups()[i].fake_sparsity.mask);
}

TEST(SparsifierState, TheRecipesOptionsGoBeforeTheStates) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder);
    const SparsifierState state = state_of(pruned(checkpoint, half));
    const Pruning pruning = resumed(
        checkpoint, state, "version: 1\ngroups:\n  - {layers: '*', sparsifier: weight_norm, sparsity_level: 0.9}\n");
    EXPECT_EQ(pruning.groups()[0].target.options.number("sparsity_level"), 0.9);
    EXPECT_EQ(pruning.groups()[0].target.options.block("sparse_block_shape"), (std::vector<int64_t>{1, 1}));
}

TEST(SparsifierState, CarriesWhatItDoesNotKnow) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder);
    SparsifierState state = state_of(pruned(checkpoint, half));
    PlainValue nested = PlainValue::dict();
    nested.set("tuple", PlainValue::tuple_of({-1, 300, 70'000, int64_t(1) << 40}));
    nested.set("none", PlainValue{});
    nested.set("yes", PlainValue::of(true));
    state.extras.set("more", nested);
    state.groups[2].state.set("step_count", PlainValue::of(int64_t(3)));
    state.groups[2].config.set("test", PlainValue::of(-0.25));
    const SparsifierState read = round_trip(folder, state);
    EXPECT_EQ(read.extras, state.extras);
    EXPECT_EQ(read.groups[2].state, state.groups[2].state);
    EXPECT_EQ(read.groups[2].config, state.groups[2].config);
    const SparsifierState again = state_of(resumed(checkpoint, read, unsaid), &read);
    EXPECT_EQ(again.extras, state.extras);
    EXPECT_EQ(again.groups[2].state, state.groups[2].state);
    EXPECT_EQ(again.groups[2].config, state.groups[2].config);
}

TEST(SparsifierState, LoadingTwiceGivesTheSameAndLeavesTheSourceAlone) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder);
    const SparsifierState state = state_of(pruned(checkpoint, half));
    const Mask first = *state.groups[0].mask;
    Progress progress;
    for (int time = 0; time < 2; ++time) {
        Pruning pruning = resumed(
            checkpoint, state, "version: 1\ngroups:\n  - {layers: '*', sparsifier: weight_norm, sparsity_level: 1}\n");
        EXPECT_EQ(*pruning.groups()[0].fake_sparsity.mask, first);
        pruning.step(progress);
        EXPECT_EQ(pruning.groups()[0].fake_sparsity.mask->kept(), 0);
        EXPECT_EQ(*state.groups[0].mask, first);
    }
}

TEST(SparsifierState, AMaskThatDoesNotFitIsRefusedAndNothingChanges) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder);
    SparsifierState state = state_of(pruned(checkpoint, half));
    state.groups[4].mask = std::make_shared<const Mask>(Mask::zeros({4, 10}));
    const Recipe recipe = parse_recipe(unsaid, "r.yaml");
    Pruning pruning(checkpoint, resolve(recipe, *checkpoint));
    EXPECT_THAT(problem_of([&] { take_masks(pruning, state); }),
                HasSubstr("linear2.weight: the state's mask has shape"));
    for (const auto& group : pruning.groups()) EXPECT_EQ(group.fake_sparsity.mask->pruned(), 0);
    state.groups.pop_back();
    state.groups[0].tensor_fqn = "elsewhere.weight";
    EXPECT_THAT(problem_of([&] { take_masks(pruning, state); }), HasSubstr("the model has no such tensor"));
    for (const auto& group : pruning.groups()) EXPECT_EQ(group.fake_sparsity.mask->pruned(), 0);
}

/// torch.ao.pruning's structured pruners keep a mask of rows: a bool for each.
TEST(SparsifierState, AMaskOfRowsIsOneOfWholeRowsAndStaysOne) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder);
    constexpr const char* rows = "version: 1\ngroups:\n  - {layers: seq.0.weight, sparsifier: saliency}\n";
    SparsifierState state = state_of(Pruning(checkpoint, resolve(parse_recipe(rows, "r.yaml"), *checkpoint)));
    ASSERT_EQ(state.groups.size(), 1u);
    const Shape shape = state.groups[0].mask->shape();
    Mask kept = Mask::ones({shape[0]});
    kept.set(1, false);
    state.groups[0].mask = std::make_shared<const Mask>(kept);
    const Pruning pruning = resumed(checkpoint, round_trip(folder, state), rows);
    const Mask& whole = *pruning.groups()[0].fake_sparsity.mask;
    EXPECT_EQ(whole.shape(), shape);
    EXPECT_EQ(whole.kept_in(shape[1], 2 * shape[1]), 0);
    EXPECT_EQ(whole.pruned(), shape[1]);
    EXPECT_EQ(*state_of(pruning, &state).groups[0].mask, kept);
}

TEST(SparsifierState, AMaskThatTheRecipeWouldLoseIsRefused) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder);
    const SparsifierState state = state_of(pruned(checkpoint, half));
    EXPECT_THAT(problem_of([&] {
                    resumed(checkpoint, state, "version: 1\ngroups:\n  - {layers: 'seq.*', sparsifier: weight_norm}\n");
                }),
                HasSubstr("linear1.weight: the state has a mask for it, but the recipe does not name it"));
}

TEST(SparsifierState, WhichSparsifierIsToldByTheOptions) {
    const auto with = [](const std::string& key, PlainValue value) {
        SavedGroup group;
        group.config.set(key, std::move(value));
        return group;
    };
    EXPECT_EQ(saved_sparsifier(with("nearliness", PlainValue::of(int64_t(3)))), &sparsifier("nearly_diagonal"));
    EXPECT_EQ(saved_sparsifier(with("sparse_block_shape", PlainValue::tuple_of({1, 4}))), &sparsifier("weight_norm"));
    EXPECT_EQ(saved_sparsifier(with("sparsifier", PlainValue::of("random"))), &sparsifier("random"));
    EXPECT_EQ(saved_sparsifier(with("sparsity_level", PlainValue::of(0.5))), nullptr);
    EXPECT_EQ(saved_sparsifier(with("sparsifier", PlainValue::of("of the future"))), nullptr);
}

TEST(SparsifierState, AnOptionThatCannotBeIsNamed) {
    SavedGroup group;
    group.tensor_fqn = "fc.weight";
    group.config.set("sparsity_level", PlainValue::of("much"));
    EXPECT_THAT(problem_of([&] { saved_options(group, sparsifier("weight_norm"), "s.pt"); }),
                HasSubstr("s.pt: fc.weight: sparsity_level"));
    group.config.set("sparsity_level", PlainValue::of(5.0));  // schedulers are not clamped
    EXPECT_EQ(saved_options(group, sparsifier("weight_norm"), "s.pt").number("sparsity_level"), 5.0);
}

TEST(SparsifierState, OtherFilesAreRefusedInWords) {
    const ScratchFolder folder;
    const auto problem = [&](const std::filesystem::path& path) {
        return problem_of([&] { read_sparsifier_state(path); });
    };
    const std::filesystem::path fixtures = std::filesystem::path(LACUNA_TEST_DATA) / "formats/fixtures";
    EXPECT_THAT(problem(fixtures / "state_dict.pt"), HasSubstr("holds no state of a sparsifier"));
    EXPECT_THAT(problem(fixtures / "state_dict.legacy.pt"), HasSubstr("holds no state of a sparsifier"));
    EXPECT_THAT(problem(folder.write("text", "hello")), HasSubstr("is no file that torch.save wrote"));
    simple_linear(folder);
    EXPECT_THAT(problem(folder / "simple_linear.safetensors"), HasSubstr("is no file that torch.save wrote"));
}

constexpr const char* all_data = "version: 1\ngroups:\n  - {layers: '*', sparsifier: data_norm}\n";

TEST(SparsifierState, UnderDataNormAloneItIsADataSparsifiers) {
    const ScratchFolder folder;
    const auto checkpoint = open_checkpoint(write_safetensors(
        folder / "m.safetensors", {random_weights("a.weight", {6, 8}, 1), random_weights("b", {4, 4}, 2)}));
    const SparsifierState state = state_of(pruned(checkpoint, all_data));
    ASSERT_EQ(state.data, checkpoint);
    EXPECT_EQ(state.groups.at(0).tensor_fqn, "a_weight");
    EXPECT_TRUE(state.notes.empty());
    const SparsifierState read = round_trip(folder, state);
    EXPECT_FALSE(read.data) << "its values are left unread";
    ASSERT_EQ(read.groups.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(read.groups[i].tensor_fqn, state.groups[i].tensor_fqn);
        EXPECT_EQ(read.groups[i].config, state.groups[i].config);
        EXPECT_EQ(*read.groups[i].mask, *state.groups[i].mask);
        EXPECT_GT(read.groups[i].mask->pruned(), 0);
    }
    const DataPruningState whole = read_torch_state(folder / "state.pt", sparsifier("data_norm"));
    ASSERT_EQ(whole.items.size(), 2u);
    EXPECT_FALSE(whole.items[0].squashed);
    EXPECT_EQ(std::memcmp(whole.items[0].values.data(), checkpoint->view(0).data, 6 * 8 * 4), 0);
    EXPECT_EQ(saved_tensors(read, *checkpoint), (std::vector<size_t>{0, 1})) << "underlines stand for dots";
}

TEST(SparsifierState, ADataSparsifiersStateKeepsWhatElseItCarries) {
    const ScratchFolder folder;
    const auto checkpoint = simple_linear(folder);
    SparsifierState state = state_of(pruned(checkpoint, all_data));
    state.extras.set("schedulers", PlainValue::dict());
    state.groups[0].state.set("step_count", PlainValue::of(int64_t(3)));
    state.groups[0].config.set("lr", PlainValue::of(0.5));
    const SparsifierState read = round_trip(folder, state);
    EXPECT_TRUE(read.extras.find("schedulers"));
    EXPECT_EQ(read.groups[0].state.find("step_count")->integer, 3);
    EXPECT_EQ(read.groups[0].config.find("lr")->real, 0.5);
    const SparsifierState again = state_of(resumed(checkpoint, read, all_data), &read);
    EXPECT_EQ(again.groups[0].tensor_fqn, state.groups[0].tensor_fqn);
    EXPECT_EQ(again.groups[0].state.find("step_count")->integer, 3);
    EXPECT_EQ(again.data, checkpoint);
}

TEST(SparsifierState, DataNormBesideOtherRulesIsAStateForLacunaAlone) {
    const ScratchFolder folder;
    const auto checkpoint = open_checkpoint(write_safetensors(
        folder / "m.safetensors", {random_weights("a.weight", {6, 8}, 1), random_weights("b", {4, 4}, 2)}));
    const SparsifierState state = state_of(pruned(checkpoint,
                                                  "version: 1\ngroups:\n  - {layers: a.weight, sparsifier: data_norm}\n"
                                                  "  - {layers: b, sparsifier: weight_norm}\n"));
    EXPECT_FALSE(state.data);
    ASSERT_EQ(state.notes.size(), 1u);
    EXPECT_THAT(state.notes[0], HasSubstr("for Lacuna alone"));
    const SparsifierState read = round_trip(folder, state);
    EXPECT_EQ(read.groups[0].tensor_fqn, "a.weight");
    EXPECT_EQ(saved_sparsifier(read.groups[0]), &sparsifier("data_norm"));
}

TEST(SparsifierState, TwoTensorsOfOneNameWithoutDotsAreRefused) {
    const ScratchFolder folder;
    const auto checkpoint = open_checkpoint(write_safetensors(
        folder / "m.safetensors", {random_weights("a.b_c", {4, 4}, 1), random_weights("a_b.c", {4, 4}, 2)}));
    for (const char* layers : {"'*'", "a.b_c"}) {
        const std::string recipe =
            std::string("version: 1\ngroups:\n  - {layers: ") + layers + ", sparsifier: data_norm}\n";
        EXPECT_THAT(problem_of([&] { state_of(pruned(checkpoint, recipe.c_str())); }),
                    HasSubstr("a_b_c: the model has several tensors of that name: a.b_c and a_b.c"));
    }
    const auto other = open_checkpoint(write_safetensors(
        folder / "o.safetensors", {random_weights("a.b", {4, 4}, 1), random_weights("a_b", {4, 4}, 2)}));
    EXPECT_THAT(
        problem_of([&] { state_of(pruned(other, "version: 1\ngroups:\n  - {layers: a.b, sparsifier: data_norm}\n")); }),
        HasSubstr("a_b: is what a data sparsifier calls a.b, and another tensor's name"));
}

TEST(SparsifierState, ACutOffFileIsRefusedWhereverItIsCut) {
    const ScratchFolder folder;
    Progress progress;
    write_sparsifier_state(state_of(pruned(simple_linear(folder), half)), folder / "state.pt", progress);
    const std::string whole = ScratchFolder::read(folder / "state.pt");
    for (size_t length = 1; length < whole.size(); length += 97)
        EXPECT_NE(problem_of([&] { read_sparsifier_state(folder.write("cut.pt", whole.substr(0, length))); }), "");
}

TEST(SparsifierState, NamesAreFoundPreparedAndBelowAWrapper) {
    const ScratchFolder folder;
    const auto checkpoint = open_checkpoint(write_safetensors(
        folder / "m.safetensors",
        {random_weights("model.a.weight", {2, 2}, 1), random_weights("b.parametrizations.weight.original", {2, 2}, 2),
         random_weights("x.c.weight", {2, 2}, 3), random_weights("y.c.weight", {2, 2}, 4)}));
    const Recipe recipe = parse_recipe(unsaid, "r.yaml");
    const auto masks_after = [&](std::initializer_list<const char*> names) {
        SparsifierState state;
        for (const char* name : names) {
            state.groups.emplace_back();
            state.groups.back().tensor_fqn = name;
            state.groups.back().mask = std::make_shared<const Mask>(Mask::zeros({2, 2}));
        }
        Pruning pruning(checkpoint, resolve(recipe, *checkpoint));
        take_masks(pruning, state);
        std::vector<int64_t> pruned;
        for (const auto& group : pruning.groups()) pruned.push_back(group.fake_sparsity.mask->pruned());
        return pruned;
    };
    EXPECT_THAT(masks_after({"a.weight", "b.weight"}), testing::ElementsAre(4, 4, 0, 0));
    EXPECT_THAT(masks_after({"model.a.weight", "y.c.weight"}), testing::ElementsAre(4, 0, 0, 4));
    EXPECT_THAT(problem_of([&] { masks_after({"c.weight"}); }),
                HasSubstr("several tensors of that name: x.c.weight and y.c.weight"));
    EXPECT_THAT(problem_of([&] {
                    masks_after({"a.weight", "model.a.weight"});
                }),
                HasSubstr("two masks for this tensor"));
}

}  // namespace
}  // namespace lacuna
