// Checkpoints of prepared models: torch.nn.utils.prune's weight_orig and weight_mask, torch.ao.pruning's
// parametrizations.weight.original and, where a program saved it, its mask. What PyTorch makes of the files is in
// session/peer_prepared.py.

#include <gmock/gmock.h>

#include "engine/formats/saved_mask.h"
#include "engine/formats/staged_export.h"
#include "engine/model/model.h"
#include "engine/model/prepared_names.h"
#include "engine/session/document.h"
#include "engine/session/recipe_run.h"
#include "engine/session/session.h"
#include "engine/session/sparsifier_state.h"
#include "engine/session/streamed_pruning.h"
#include "tests/support/problem_of.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TestTensor half_mask(const std::string& name, DType dtype = DType::F32) {
    return dtype == DType::F32 ? tensor_of<float>(name, dtype, {2, 4}, {1, 1, 0, 1, 1, 0, 1, 1})
                               : tensor_of<uint8_t>(name, dtype, {2, 4}, {1, 1, 0, 1, 1, 0, 1, 1});
}

std::vector<TestTensor> prepared_tensors() {
    return {tensor_of<float>("a.weight_orig", DType::F32, {2, 4}, {1, 2, 30, 4, 5, 60, 7, 8}),
            half_mask("a.weight_mask"),
            tensor_of<float>("b.parametrizations.weight.original", DType::F32, {2, 4}, {8, 7, 60, 5, 4, 30, 2, 1}),
            half_mask("b.parametrizations.weight.0.mask", DType::U8),
            random_weights("c.weight", {2, 4}, 3),
            random_weights("d.weight_mask", {2, 4}, 4),
            random_weights("a.bias", {2}, 5)};
}

CheckpointPtr file_of(const ScratchFolder& folder, const std::vector<TestTensor>& tensors) {
    return open_checkpoint(write_safetensors(folder / "m.safetensors", tensors));
}

std::string recipe_for(const std::string& layers, const std::string& more = "") {
    return "version: 1\ngroups:\n  - {layers: " + layers +
           ", sparsifier: weight_norm, sparsity_level: 0.5, sparse_block_shape: [1, 1]" + more + "}\n";
}

Pruning pruned(const CheckpointPtr& checkpoint, const std::string& text = recipe_for("'*'")) {
    const Recipe recipe = parse_recipe(text, "r.yaml");
    return Pruning(checkpoint, resolve(recipe, *checkpoint));
}

std::vector<std::string> names_in(const Pruning& pruning) {
    std::vector<std::string> names;
    for (const auto& group : pruning.groups()) names.push_back(group.fqn);
    return names;
}

std::vector<uint8_t> mask_in(const Pruning& pruning, size_t group) {
    return pruning.groups()[group].fake_sparsity.mask->to_bytes();
}

TEST(Prepared, ReadingTheirMasksIsCountedAndCanBeCancelled) {
    const ScratchFolder folder;
    const auto model = std::make_shared<const Model>(file_of(folder, prepared_tensors()));
    std::vector<ProgressState> seen;
    CancelToken token;
    Progress progress([&](const ProgressState& state) { seen.push_back(state); }, token);
    const DocumentPtr document = new_document(model, progress);
    ASSERT_FALSE(seen.empty());
    EXPECT_EQ(seen.back().done, 2u);
    EXPECT_EQ(seen.back().total, 2u);
    EXPECT_EQ(document->tensors[0]->saved->pruned(), 2);
    EXPECT_EQ(begun_anew(*document).tensors[0]->saved, document->tensors[0]->saved) << "they are not read again";
    token.cancel();
    EXPECT_THROW(new_document(model, progress), Cancelled);
}

TEST(Prepared, NamesAreThoseOfTheLayer) {
    EXPECT_EQ(unprepared_name("seq.0.parametrizations.weight.original"), "seq.0.weight");
    EXPECT_EQ(unprepared_name("parametrizations.weight.original"), "weight");
    EXPECT_EQ(unprepared_name("fc.weight_orig"), "fc.weight");
    EXPECT_EQ(unprepared_name("fc.weight"), "fc.weight");
    EXPECT_EQ(unprepared_name("parametrizations.original"), "parametrizations.original");
    EXPECT_EQ(unprepared_name("my_parametrizations.weight.original"), "my_parametrizations.weight.original");
}

TEST(Prepared, MasksNameTheirTensors) {
    EXPECT_EQ(original_of_mask("fc.weight_mask"), "fc.weight_orig");
    EXPECT_EQ(original_of_mask("0.parametrizations.weight.0.mask"), "0.parametrizations.weight.original");
    EXPECT_EQ(original_of_mask("parametrizations.weight.12.mask"), "parametrizations.weight.original");
    for (const char* name : {"0.parametrizations.weight.x.mask", "0.parametrizations.weight.mask", "attention.mask",
                             "0.parametrizations.mask", "parametrizations.mask", "fc.weight", "mask", ".mask"})
        EXPECT_EQ(original_of_mask(name), std::nullopt) << name;
}

TEST(Prepared, MasksAreBuffersAndNoParameters) {
    const ScratchFolder folder;
    const auto checkpoint = file_of(folder, prepared_tensors());
    EXPECT_THAT(checkpoint->saved_masks(0), ElementsAre(1u));
    EXPECT_THAT(checkpoint->saved_masks(2), ElementsAre(3u));
    EXPECT_THAT(checkpoint->saved_masks(4), IsEmpty());
    EXPECT_EQ(checkpoint->mask_of(3), 2u);
    EXPECT_EQ(checkpoint->mask_of(5), std::nullopt);
    EXPECT_EQ(checkpoint->parameters(), 4 * 8 + 2);
    EXPECT_THAT(checkpoint->notes(), IsEmpty());
    EXPECT_THAT(names_in(pruned(checkpoint)),
                ElementsAre("a.weight_orig", "b.parametrizations.weight.original", "c.weight", "d.weight_mask"))
        << "a weight_mask without a weight_orig is a tensor like others";
    EXPECT_THAT(problem_of([&] { pruned(checkpoint, recipe_for("a.weight_mask")); }),
                HasSubstr("a.weight_mask cannot be pruned: is the mask of a.weight_orig; name a.weight_orig"));
    EXPECT_THAT(problem_of([&] { pruned(checkpoint, recipe_for("'*.mask'")); }), HasSubstr("is the mask of"));
}

TEST(Prepared, ARecipeNamesWeightsAsThePlainModelDoes) {
    const ScratchFolder folder;
    const auto checkpoint = file_of(folder, prepared_tensors());
    EXPECT_THAT(names_in(pruned(checkpoint, recipe_for("[a.weight, b.weight]"))),
                ElementsAre("a.weight_orig", "b.parametrizations.weight.original"));
    EXPECT_THAT(names_in(pruned(checkpoint, recipe_for("'*.weight'"))),
                ElementsAre("a.weight_orig", "b.parametrizations.weight.original", "c.weight"));
    EXPECT_THAT(names_in(pruned(checkpoint, recipe_for("'*', except: [b.weight, 'd.*']"))),
                ElementsAre("a.weight_orig", "c.weight"));
    EXPECT_THAT(problem_of([&] { pruned(checkpoint, recipe_for("d.weight")); }), HasSubstr("no tensor called"));
}

TEST(Prepared, ANameThatMeansTwoTensorsIsRefused) {
    const ScratchFolder folder;
    const auto checkpoint = file_of(
        folder, {random_weights("a.weight_orig", {2, 4}, 1), half_mask("a.weight_mask"),
                 random_weights("a.parametrizations.weight.original", {2, 4}, 2), random_weights("b.weight", {2, 4}, 3),
                 random_weights("b.weight_orig", {2, 4}, 4), half_mask("b.weight_mask")});
    EXPECT_THAT(problem_of([&] { pruned(checkpoint, recipe_for("a.weight")); }),
                HasSubstr("both a.weight_orig and a.parametrizations.weight.original"));
    EXPECT_THAT(names_in(pruned(checkpoint, recipe_for("b.weight"))), ElementsAre("b.weight"))
        << "a name in the file goes first";
}

TEST(Prepared, PruningBeginsWithTheFilesMasks) {
    const ScratchFolder folder;
    Pruning pruning = pruned(file_of(folder, prepared_tensors()));
    for (const size_t group : {0, 1}) EXPECT_THAT(mask_in(pruning, group), ElementsAre(1, 1, 0, 1, 1, 0, 1, 1));
    Progress progress;
    pruning.step(progress);  // the pruned 30 and 60 count as 0
    EXPECT_THAT(mask_in(pruning, 0), ElementsAre(0, 0, 0, 1, 1, 0, 1, 1));
    EXPECT_THAT(mask_in(pruning, 1), ElementsAre(1, 1, 0, 1, 1, 0, 0, 0));
}

TEST(Prepared, SeveralMasksLieOverEachOtherAndRowsCountWhole) {
    const ScratchFolder folder;
    const auto checkpoint = file_of(
        folder, {random_weights("a.parametrizations.weight.original", {3, 2}, 1),
                 tensor_of<uint8_t>("a.parametrizations.weight.0.mask", DType::BOOL, {3}, {1, 0, 1}),
                 tensor_of<int64_t>("a.parametrizations.weight.1.mask", DType::I64, {3, 2}, {0, 1, 1, 1, 1, 1})});
    EXPECT_THAT(mask_in(pruned(checkpoint), 0), ElementsAre(0, 1, 0, 0, 1, 1));
    EXPECT_EQ(checkpoint->parameters(), 6);
}

TEST(Prepared, AStateGoesBeforeTheFilesMask) {
    const ScratchFolder folder;
    const auto checkpoint = file_of(folder, prepared_tensors());
    SparsifierState state;
    SavedGroup group;
    group.tensor_fqn = "b.weight";
    group.mask = std::make_shared<const Mask>(Mask::zeros({2, 4}));
    state.groups.push_back(group);
    Pruning pruning = pruned(checkpoint);
    take_masks(pruning, state);
    EXPECT_THAT(mask_in(pruning, 0), ElementsAre(1, 1, 0, 1, 1, 0, 1, 1));
    EXPECT_THAT(mask_in(pruning, 1), testing::Each(0));
    EXPECT_EQ(state_of(pruning).groups[1].tensor_fqn, "b.weight");
}

TEST(Prepared, AMaskThatDoesNotFitIsNamedAndItsTensorLeftOut) {
    const ScratchFolder folder;
    const auto checkpoint =
        file_of(folder, {random_weights("a.weight_orig", {2, 4}, 1), random_weights("a.weight_mask", {4, 2}, 2),
                         random_weights("b.weight_orig", {2, 4}, 3),
                         tensor_of<uint8_t>("b.weight_mask", DType::F8_E4M3, {2, 4}, {0, 0, 0, 0, 0, 0, 0, 0}),
                         random_weights("c.weight", {2, 4}, 5)});
    EXPECT_THAT(
        checkpoint->notes(),
        ElementsAre("a.weight_mask is called the mask of a.weight_orig, but has shape [4, 2], the tensor [2, 4]",
                    "b.weight_mask is called the mask of b.weight_orig, but is of type F8_E4M3"));
    EXPECT_THAT(problem_of([&] { pruned(checkpoint); }),
                HasSubstr("a.weight_orig cannot be pruned: the file's mask of it, a.weight_mask, has shape [4, 2]"));
    EXPECT_THAT(problem_of([&] { pruned(checkpoint, recipe_for("b.weight_orig")); }), HasSubstr("is of type F8_E4M3"));
    EXPECT_THAT(names_in(pruned(checkpoint, recipe_for("'*', except: ['a.*', 'b.*']"))), ElementsAre("c.weight"));
    const MaskSet masks{{"a.weight_orig", std::make_shared<const Mask>(Mask::zeros({2, 4}))}};
    Progress progress;
    EXPECT_THAT(
        problem_of([&] { export_checkpoint(*checkpoint, masks, folder / "out", Format::safetensors, progress); }),
        HasSubstr("the file's mask of it"));
    EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

TEST(Prepared, AMaskOfOtherValuesIsNone) {
    const ScratchFolder folder;
    const auto checkpoint = file_of(folder, {random_weights("a.weight_orig", {1, 2}, 1),
                                             tensor_of<float>("a.weight_mask", DType::F32, {1, 2}, {1, 0.5F})});
    EXPECT_THAT(problem_of([&] { pruned(checkpoint); }),
                HasSubstr("a.weight_mask: is a mask that holds other values than 0 and 1"));
}

TEST(Prepared, AnOriginalWithoutAMaskIsATensorLikeOthers) {
    const ScratchFolder folder;
    const auto checkpoint = file_of(folder, {random_weights("a.weight_orig", {2, 4}, 1),  // of a spectral norm
                                             random_weights("b.parametrizations.weight.original", {2, 4}, 2),
                                             random_weights("c.parametrizations.weight.0.mask", {2, 4}, 3)});
    EXPECT_EQ(checkpoint->plain_name(0), "a.weight_orig");
    EXPECT_EQ(checkpoint->plain_name(1), "b.weight") << "torch.ao.pruning does not save its masks with the model";
    const Pruning pruning = pruned(checkpoint);
    EXPECT_THAT(names_in(pruning), ElementsAre("a.weight_orig", "b.parametrizations.weight.original"))
        << "the mask of a tensor that is not there is left alone";
    for (const size_t group : {0, 1}) EXPECT_THAT(mask_in(pruning, group), testing::Each(1));
}

/// Each name is looked up, not searched for.
TEST(Prepared, VeryManyAreFoundByPlainNames) {
    const ScratchFolder folder;
    std::vector<TestTensor> tensors;
    Recipe recipe = parse_recipe(recipe_for("'*'"), "r.yaml");
    recipe.groups[0].layers.clear();
    SparsifierState state;
    std::vector<size_t> all;
    for (size_t i = 0; i < 8000; ++i) {
        const std::string layer = "layer" + std::to_string(i);
        tensors.push_back(random_weights("net." + layer + ".parametrizations.weight.original", {1, 2}, unsigned(i)));
        recipe.groups[0].layers.push_back("net." + layer + ".weight");
        state.groups.push_back({.tensor_fqn = i % 2 ? layer + ".weight" : "net_" + layer + "_weight"});
        all.push_back(i);
    }
    recipe.groups[0].layer_places.resize(all.size());
    const auto checkpoint = file_of(folder, tensors);
    EXPECT_EQ(saved_tensors(state, *checkpoint), all) << "below a wrapper, or with underlines";
    std::vector<size_t> resolved;
    for (const Target& target : resolve(recipe, *checkpoint)) resolved.push_back(target.tensor);
    EXPECT_EQ(resolved, all);
}

TEST(Prepared, TheTreeHasThemInTheirLayer) {
    const ScratchFolder folder;
    const Model model(file_of(folder, prepared_tensors()));
    std::vector<std::string> layers;
    for (const Layer& layer : model.layers()) layers.push_back(layer.fqn + " " + layer.type);
    EXPECT_THAT(layers, ElementsAre(" ", "a Linear", "b Linear", "c Linear", "d "));
    EXPECT_THAT(model.layers()[2].tensors, ElementsAre(2u, 3u));
    EXPECT_EQ(model.layers()[2].parameters, 8);
    EXPECT_EQ(model.prunable(), 4 * 8);
}

/// A checkpoint that was pruned twice, with masks that are held and with those that are streamed: the same files.
struct Streamed {
    Streamed(const ScratchFolder& folder, const CheckpointPtr& checkpoint, const Recipe& recipe) {
        Progress progress;
        Pruning all_held(checkpoint, resolve(recipe, *checkpoint));
        take_steps(all_held, recipe, progress);
        last_mask = all_held.groups().back().fake_sparsity.mask;
        export_checkpoint(*checkpoint, all_held.masks(), folder / "held", Format::safetensors, progress);
        StreamedPruning streamed(checkpoint, resolve(recipe, *checkpoint), recipe, progress);
        held = streamed.held().groups().size();
        streamed.take_steps(progress);
        write_staged(*checkpoint, streamed, {folder / "streamed", "streamed", Format::safetensors}, progress);
        EXPECT_TRUE(ScratchFolder::read(folder / "held") == ScratchFolder::read(folder / "streamed"));
    }
    size_t held = 0;    ///< groups whose masks cannot be streamed
    MaskPtr last_mask;  ///< of the last group
};

TEST(Prepared, StreamedItIsTheSame) {
    const ScratchFolder folder;
    std::vector<TestTensor> tensors = prepared_tensors();
    tensors.push_back(random_weights("e.weight_orig", {600, 700}, 6));
    std::vector<float> ones_and_zeros;
    for (int i = 0; i < 600 * 700; ++i) ones_and_zeros.push_back(i % 3 != 0);
    tensors.push_back(tensor_of<float>("e.weight_mask", DType::F32, {600, 700}, ones_and_zeros));
    const auto checkpoint = file_of(folder, tensors);
    Recipe recipe = parse_recipe(recipe_for("'*'"), "r.yaml");
    recipe.steps = 2;
    const Streamed streamed(folder, checkpoint, recipe);
    EXPECT_EQ(streamed.held, 0u);
    const auto out = open_checkpoint(folder / "streamed");
    const size_t weight = out->find("e.weight_orig").value(), mask = out->find("e.weight_mask").value();
    EXPECT_EQ(Mask::from_tensor(out->view(mask)), *streamed.last_mask);
    EXPECT_EQ(Mask::from_tensor(out->view(weight)), Mask::from_tensor(out->view(mask)));
    EXPECT_EQ((Mask::from_tensor(out->view(mask)) - *saved_mask(*checkpoint, weight)).kept(), 0) << "goes on from it";
}

TEST(Prepared, AUnitThatGoesOnFromSavedMasksIsHeld) {
    const ScratchFolder folder;
    const auto checkpoint = file_of(folder, prepared_tensors());
    Recipe recipe = parse_recipe("version: 1\ngroups:\n  - {layers: '*', sparsifier: magnitude}\nsteps: 2\n", "r.yaml");
    const Streamed streamed(folder, checkpoint, recipe);
    EXPECT_EQ(streamed.held, resolve(recipe, *checkpoint).size());
}

class PreparedSession : public testing::Test {
  protected:
    SnapshotPtr opened() {
        file_of(folder, prepared_tensors());
        session.open(folder / "m.safetensors");
        return now();
    }
    SnapshotPtr now() {
        session.wait_idle();
        return session.snapshot();
    }
    std::string exported() {
        session.export_model(folder / "out", Format::safetensors);
        now();
        return ScratchFolder::read(folder / "out");
    }
    static std::vector<uint8_t> shown(const Snapshot& snapshot, size_t tensor) {
        return snapshot.tensors[tensor]->shown->to_bytes();
    }

    ScratchFolder folder;
    Session session{[] {}};
};

TEST_F(PreparedSession, ShowsTheFilesMasksFromTheStart) {
    const SnapshotPtr snapshot = opened();
    EXPECT_THAT(shown(*snapshot, 0), ElementsAre(1, 1, 0, 1, 1, 0, 1, 1));
    EXPECT_EQ(snapshot->tensors[0]->kept, 6);
    EXPECT_EQ(snapshot->pruned, 4);
    EXPECT_FALSE(snapshot->pending);
    EXPECT_EQ(snapshot->tensors[4]->shown, nullptr);
    EXPECT_TRUE(exported() == ScratchFolder::read(folder / "m.safetensors")) << "nobody asked for a change";
}

TEST_F(PreparedSession, StepsGoOnFromThemAndGiveWhatTheRecipeGives) {
    opened();
    folder.write("r.yaml", recipe_for("[a.weight, b.weight]"));
    session.load_recipe(folder / "r.yaml");
    EXPECT_THAT(shown(*now(), 0), ElementsAre(0, 0, 0, 1, 1, 0, 1, 1));
    EXPECT_TRUE(now()->pending);
    EXPECT_THAT(now()->tensors[0]->stepped->to_bytes(), ElementsAre(1, 1, 0, 1, 1, 0, 1, 1));
    const std::string bytes = exported();
    Pruning pruning = pruned(open_checkpoint(folder / "m.safetensors"), recipe_for("[a.weight, b.weight]"));
    Progress progress;
    pruning.step(progress);
    export_checkpoint(pruning.checkpoint(), pruning.masks(), folder / "headless", Format::safetensors, progress);
    EXPECT_TRUE(bytes == ScratchFolder::read(folder / "headless"));
    session.restart();
    EXPECT_THAT(now()->tensors[0]->stepped->to_bytes(), ElementsAre(1, 1, 0, 1, 1, 0, 1, 1));
    session.set_sparsifier({0, 2}, "");
    EXPECT_THAT(shown(*now(), 2), ElementsAre(1, 1, 0, 1, 1, 0, 1, 1));
}

TEST_F(PreparedSession, AClearedMaskIsWrittenAsOnes) {
    opened();
    session.clear_masks({2});
    EXPECT_EQ(now()->pruned, 2);
    exported();
    const auto out = open_checkpoint(folder / "out");
    EXPECT_EQ(Mask::from_tensor(out->view(3)).pruned(), 0);
    EXPECT_EQ(Mask::from_tensor(out->view(2)).pruned(), 0) << "the file's own weights";
    EXPECT_EQ(Mask::from_tensor(out->view(1)).pruned(), 2);
}

TEST_F(PreparedSession, AMaskIsNotPruned) {
    opened();
    session.set_sparsifier({0, 1}, "weight_norm");
    const SnapshotPtr snapshot = now();
    EXPECT_NE(snapshot->tensors[0]->sparsifier, nullptr);
    EXPECT_EQ(snapshot->tensors[1]->sparsifier, nullptr);
    ASSERT_FALSE(snapshot->notices.empty());
    EXPECT_EQ(snapshot->notices.back().text, "a.weight_mask is the mask of a.weight_orig");
}

TEST_F(PreparedSession, AMaskThatDoesNotFitOpensAndIsRefusedWithTheRule) {
    write_safetensors(folder / "m.safetensors",
                      {random_weights("a.weight_orig", {2, 4}, 1), random_weights("a.weight_mask", {4, 2}, 2)});
    session.open(folder / "m.safetensors");
    ASSERT_NE(now()->model, nullptr);
    EXPECT_EQ(now()->tensors[0]->shown, nullptr);
    session.set_sparsifier({0}, "weight_norm");
    EXPECT_EQ(now()->tensors[0]->sparsifier, nullptr);
    EXPECT_THAT(now()->notices.back().text, HasSubstr("the file's mask of it, a.weight_mask, has shape [4, 2]"));
}

}  // namespace
}  // namespace lacuna
