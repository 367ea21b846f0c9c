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
        EXPECT_EQ(pruning.held().groups().empty(), hold == StreamedPruning::Hold::what_must_be);
        pruning.take_steps(progress);
        std::map<std::string, Shape, std::less<>> shapes;
        for (const size_t i : pruning.masked()) shapes[checkpoint->tensors()[i].name] = checkpoint->tensors()[i].shape;
        MasksFile masks(shapes, folder / "masks", "masks", progress);
        const StagedExport job{folder / "out", "out", Format::safetensors, &masks};
        report = pruning.report(write_staged(*checkpoint, pruning, job, progress), 0);
        masks.close();
        return {ScratchFolder::read(folder / "out"), ScratchFolder::read(folder / "masks")};
    }
    void expect_same(const std::string& text) {
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
            EXPECT_TRUE(out == ScratchFolder::read(folder / "expected"));
            EXPECT_TRUE(masks == ScratchFolder::read(folder / "expected masks"));
            EXPECT_EQ(to_json(found), report);
        }
    }

    ScratchFolder folder;
    CheckpointPtr checkpoint;
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
