#include "engine/session/streamed_pruning.h"

#include <gmock/gmock.h>

#include "engine/base/error.h"
#include "engine/formats/staged_export.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using namespace testing_support;

class StreamedPruningTest : public testing::Test {
  protected:
    void SetUp() override {
        std::vector<TestTensor> tensors{random_weights("large", {700, 600}, 1)};
        for (unsigned i = 0; i < 40; ++i) tensors.push_back(random_weights("small." + std::to_string(i), {9, 11}, i));
        tensors.push_back(random_weights("bias", {30}, 3));
        tensors.push_back(tensor_of<float>("none", DType::F32, {0, 4}, {}));
        checkpoint = open_checkpoint(write_safetensors(folder / "m.safetensors", tensors));
    }
    /// Files of one run: the checkpoint's, and the masks'.
    std::pair<std::string, std::string> files(const Recipe& recipe, StreamedPruning::Hold hold, Report& report) {
        Progress progress;
        StreamedPruning pruning(checkpoint, resolve(recipe, *checkpoint), recipe, progress, hold);
        held = pruning.held().groups().size();
        pruning.take_steps(progress);
        std::map<std::string, Shape, std::less<>> shapes;
        for (const size_t i : pruning.masked()) shapes[checkpoint->tensors()[i].name] = checkpoint->tensors()[i].shape;
        MasksFile masks(shapes, folder / "masks", "masks", progress);
        const StagedExport job{folder / "out", "out", Format::safetensors, &masks};
        report = pruning.report(write_staged(*checkpoint, pruning, job, progress), 0);
        masks.close();
        return {ScratchFolder::read(folder / "out"), ScratchFolder::read(folder / "masks")};
    }
    /// `must_be_held`: tensors whose masks cannot be streamed.
    void expect_same(const std::string& text, size_t must_be_held = 0) {
        const Recipe recipe = parse_recipe(text, "r.yaml");
        Pruning pruning(checkpoint, resolve(recipe, *checkpoint), recipe.ties);
        Progress progress;
        take_steps(pruning, recipe, progress);
        export_checkpoint(*checkpoint, pruning.masks(), folder / "expected", Format::safetensors, progress);
        write_masks(pruning.masks(), folder / "expected masks", progress);
        const std::string report = to_json(make_report(pruning, 0, progress));
        for (const auto hold : {StreamedPruning::Hold::what_must_be, StreamedPruning::Hold::everything}) {
            Report found;
            const auto [out, masks] = files(recipe, hold, found);
            const bool everything = hold == StreamedPruning::Hold::everything;
            EXPECT_EQ(held, everything ? found.layers.size() : must_be_held) << text;
            EXPECT_TRUE(out == ScratchFolder::read(folder / "expected"));
            EXPECT_TRUE(masks == ScratchFolder::read(folder / "expected masks"));
            EXPECT_EQ(to_json(found), report);
        }
    }

    ScratchFolder folder;
    CheckpointPtr checkpoint;
    size_t held = 0;  ///< groups of the last run
};

TEST_F(StreamedPruningTest, GivesWhatHeldMasksGive) {
    expect_same("version: 1\ngroups:\n  - {layers: '*', sparsifier: weight_norm, sparse_block_shape: [1, 1]}\n");
}

TEST_F(StreamedPruningTest, TakesAllStepsOfATensorAtOnce) {
    expect_same(
        "version: 1\ngroups:\n"
        "  - {layers: 'small.*', sparsifier: weight_norm, score: original, sparsity_level: 0.3}\n"
        "  - {layers: 'large', sparsifier: n_m}\nsteps: 3\n");
}

TEST_F(StreamedPruningTest, FollowsASchedule) {
    expect_same(
        "version: 1\ngroups:\n"
        "  - {layers: 'small.*', sparsifier: weight_norm, sparsity_level: 0.8, sparse_block_shape: [1, 1]}\n"
        "  - {layers: 'large', sparsifier: weight_norm, sparsity_level: 0.4, sparse_block_shape: [1, 1]}\n"
        "  - {layers: 'small.7', sparsifier: nearly_diagonal, nearliness: 3}\n"
        "schedule: {scheduler: cubic, init_sl: 0.1, delta_t: 1, total_t: 3}\nsteps: 4\n");
}

TEST_F(StreamedPruningTest, TensorsThatShareALevelShareACut) {
    for (const std::string more : {"", ", score: original", ", sparse_block_shape: [1, 4]",
                                   ", sparse_block_shape: [4, 4], score: original", ", sparsity_level: 0.93"})
        for (const std::string steps : {"", "steps: 3\n"})
            expect_same("version: 1\ngroups:\n  - {layers: '*', sparsifier: magnitude" + more + "}\n" + steps);
}

TEST_F(StreamedPruningTest, UnitsWithCutsOfTheirOwn) {
    expect_same(
        "version: 1\ngroups:\n"
        "  - {layers: '*', sparsifier: magnitude}\n"
        "  - {layers: 'small.1*', sparsifier: magnitude, sparsity_level: 0.2}\n"
        "  - {layers: 'small.2*', sparsifier: weight_norm}\n"
        "  - {layers: 'small.3*', sparsifier: magnitude, sparsity_level: 0.5}\n");
}

TEST_F(StreamedPruningTest, OnlyTheLastOfRisingLevelsDecides) {
    expect_same(
        "version: 1\ngroups:\n"
        "  - {layers: 'small.*', sparsifier: magnitude, sparsity_level: 0.8}\n"
        "  - {layers: 'large', sparsifier: magnitude, sparsity_level: 0.4, sparse_block_shape: [2, 2]}\n"
        "schedule: {scheduler: cubic, init_sl: 0.1, delta_t: 1, total_t: 3}\nsteps: 4\n");
}

TEST_F(StreamedPruningTest, MasksThatHaveNoCutAreHeld) {
    const auto scheduled = [](const std::string& more, const std::string& factor) {
        return "version: 1\ngroups:\n  - {layers: '*', sparsifier: magnitude" + more +
               "}\nsteps: 3\nschedule: {scheduler: lambda, factor: \"" + factor + "\"}\n";
    };
    const std::string falling = "epoch == 1 ? 1 : 0.6";
    expect_same(scheduled("", falling), 41);
    expect_same(scheduled(", score: original", falling));
    expect_same("version: 1\nties: aten\ngroups:\n  - {layers: '*', sparsifier: magnitude}\n", 41);
    // Two groups that are one unit at the last step alone: what each lost before makes a difference.
    expect_same(
        "version: 1\ngroups:\n"
        "  - {layers: 'small.*', sparsifier: magnitude, sparsity_level: 0.3}\n"
        "  - {layers: 'large', sparsifier: magnitude, sparsity_level: 0.6}\nsteps: 2\n"
        "schedule: {scheduler: lambda, factor: [\"epoch == 0 ? 1 : 2\", \"1\"]}\n",
        41);
}

TEST_F(StreamedPruningTest, ManyEqualWeightsOverSeveralSteps) {
    std::mt19937 random(4);
    for (int round = 0; round < 20; ++round) {
        std::vector<TestTensor> tensors;
        for (const char* name : {"c", "a", "b", "d"}) {
            const Shape shape{1 + int64_t(random() % 40), 1 + int64_t(random() % 60)};
            std::vector<float> values(size_t(element_count(shape)));
            const unsigned distinct = round % 2 ? 3 : 40;
            for (float& value : values) value = float(int(random() % distinct)) - float(distinct / 3);
            tensors.push_back(tensor_of(name, DType::F32, shape, values));
        }
        checkpoint = open_checkpoint(write_safetensors(folder / "equal.safetensors", tensors));
        const std::string block = round % 3 == 0 ? ", sparse_block_shape: [1, 4]" : "";
        expect_same("version: 1\ngroups:\n  - {layers: '*', sparsifier: magnitude, sparsity_level: 0.8" + block +
                    "}\nsteps: 4\nschedule: {scheduler: lambda, factor: \"(epoch + 1) / 4\"}\n");
    }
}

TEST_F(StreamedPruningTest, CancellingStopsIt) {
    const Recipe recipe = parse_recipe("version: 1\ngroups:\n  - {layers: '*', sparsifier: weight_norm}\n", "r.yaml");
    CancelToken token;
    Progress progress(
        [&](const ProgressState& state) {
            if (state.done > 0) token.cancel();
        },
        token);
    StreamedPruning pruning(checkpoint, resolve(recipe, *checkpoint), recipe, progress);
    const StagedExport job{folder / "out", "out", Format::safetensors};
    EXPECT_THROW(write_staged(*checkpoint, pruning, job, progress), Cancelled);
}

}  // namespace
}  // namespace lacuna
