#include <gmock/gmock.h>

#include "engine/session/data_pruning.h"
#include "engine/session/document_state.h"
#include "engine/session/session.h"
#include "tests/support/problem_of.h"
#include "tests/support/safetensors_file.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using namespace testing_support;

const std::string chain = R"(version: 1
groups:
  - {layers: [a], sparsifier: weight_norm, sparsity_level: 0.8, sparse_block_shape: [1, 1]}
  - {layers: [b], sparsifier: weight_norm, sparsity_level: 0.4, sparse_block_shape: [1, 1]}
steps: 6
schedule:
  - {scheduler: cubic, init_sl: [0.2, 0.1], delta_t: 1, total_t: 5}
  - {scheduler: lambda, of: level, factor: "epoch < 3 ? 0.5 : 1"}
)";

class SessionStates : public testing::Test {
  protected:
    SessionStates() {
        model = write_safetensors(
            folder / "model.safetensors",
            {random_weights("a", {20, 50}, 1), random_weights("b", {10, 10}, 2), random_weights("c", {4, 4}, 3)});
        session.open(model);
    }
    SnapshotPtr shown() {
        session.wait_idle();
        return session.snapshot();
    }
    std::string last_notice() {
        const auto snapshot = shown();
        return snapshot->notices.empty() ? "" : snapshot->notices.back().text + " | " + snapshot->notices.back().detail;
    }
    int64_t pruned(const MaskPtr& mask) { return mask ? mask->pruned() : 0; }

    ScratchFolder folder;
    std::filesystem::path model;
    Session session{[] {}};
};

TEST_F(SessionStates, GoOnInAnotherSessionAsIfTheyHadStayed) {
    session.load_recipe(folder.write("chain.yaml", chain));
    session.restart();
    for (int step = 0; step < 3; ++step) session.step();
    session.save_state(folder / "three.pt");
    EXPECT_THAT(last_notice(), HasSubstr("Saved state three.pt | 2 tensors, "));
    EXPECT_THAT(last_notice(), HasSubstr("after 3 steps; the preview of the next one is not in it"));
    const SnapshotPtr three = shown();
    session.run_schedule();
    const SnapshotPtr whole = shown();
    ASSERT_EQ(whole->steps, 6);

    Session other{[] {}};
    other.open(model);
    other.load_state(folder / "three.pt");
    other.wait_idle();
    EXPECT_EQ(other.snapshot()->steps, 3);
    EXPECT_EQ(other.snapshot()->history, std::vector<StepRecord>(3)) << "what the steps measured is not in a state";
    for (const size_t tensor : {0, 1}) {
        EXPECT_EQ(*other.snapshot()->tensors[tensor]->stepped, *three->tensors[tensor]->stepped);
        EXPECT_EQ(*other.snapshot()->tensors[tensor]->shown, *three->tensors[tensor]->shown) << "and the same preview";
        EXPECT_EQ(other.snapshot()->tensors[tensor]->options.number("sparsity_level"), tensor == 0 ? 0.8 : 0.4);
    }
    other.set_steps(6);
    other.run_schedule();
    other.wait_idle();
    for (const size_t tensor : {0, 1})
        EXPECT_EQ(*other.snapshot()->tensors[tensor]->stepped, *whole->tensors[tensor]->stepped) << tensor;
    other.save_state(folder / "six.pt");
    session.save_state(folder / "whole.pt");
    other.wait_idle();
    session.wait_idle();
    EXPECT_EQ(folder.read(folder / "six.pt"), folder.read(folder / "whole.pt"));
}

TEST_F(SessionStates, ReplaceWhatWasChosenAndAreUndone) {
    session.set_sparsifier({2}, "random");
    session.step();
    Progress silent;
    SparsifierState state;
    Mask mask = Mask::ones({20, 50});
    mask.set_range(0, 123, false);
    Options options;
    options.set("sparsity_level", 0.1);
    state.groups.push_back({"a", saved_config("weight_norm", options), PlainValue::dict(),
                            std::make_shared<const Mask>(mask), DType::F32});
    write_sparsifier_state(state, folder / "s.pt", silent);
    session.load_state(folder / "s.pt");
    const SnapshotPtr loaded = shown();
    ASSERT_TRUE(loaded->tensors[0]->stepped);
    EXPECT_EQ(*loaded->tensors[0]->stepped, mask);
    EXPECT_EQ(loaded->tensors[0]->sparsifier->name(), "weight_norm");
    EXPECT_EQ(loaded->tensors[2]->sparsifier, nullptr);
    EXPECT_EQ(pruned(loaded->tensors[2]->stepped), 0);
    EXPECT_EQ(loaded->steps, 0) << "a state without schedulers does not count its steps";
    EXPECT_EQ(loaded->undo_label, "Load state s.pt");
    EXPECT_THAT(last_notice(), HasSubstr("Loaded state s.pt | 1 tensor, 123 pruned weights"));
    session.undo();
    EXPECT_EQ(shown()->tensors[0]->sparsifier, nullptr);
    EXPECT_EQ(shown()->steps, 1);
    EXPECT_GT(pruned(shown()->tensors[2]->stepped), 0);
}

TEST_F(SessionStates, UnderDataNormTheyAreADataSparsifiers) {
    session.set_sparsifier({0, 1}, "data_norm");
    session.step();
    session.save_state(folder / "data.pt");
    EXPECT_THAT(last_notice(), HasSubstr("Saved state data.pt | 2 tensors, "));
    const DataPruningState saved = read_torch_state(folder / "data.pt", sparsifier("data_norm"));
    ASSERT_EQ(saved.items.size(), 2u);
    EXPECT_EQ(saved.items[0].values.size(), 20u * 50 * 4) << "with the values";
    Session other{[] {}};
    other.open(model);
    other.load_state(folder / "data.pt");
    other.wait_idle();
    for (const size_t tensor : {0, 1}) {
        EXPECT_EQ(other.snapshot()->tensors[tensor]->sparsifier->name(), "data_norm");
        EXPECT_EQ(*other.snapshot()->tensors[tensor]->stepped, *shown()->tensors[tensor]->stepped);
    }
    session.set_sparsifier({2}, "random");
    session.step();
    session.save_state(folder / "mixed.pt");
    EXPECT_THAT(last_notice(), HasSubstr("this is for Lacuna alone"));
}

TEST_F(SessionStates, WhatDoesNotFitIsSaidAndChangesNothing) {
    session.save_state(folder / "nothing.pt");
    EXPECT_THAT(last_notice(), HasSubstr("nothing to save"));
    EXPECT_FALSE(std::filesystem::exists(folder / "nothing.pt"));
    session.load_state(folder.write("no.pt", "no state"));
    EXPECT_THAT(last_notice(), HasSubstr("Loading state no.pt: is no file that torch.save wrote"));
    Progress silent;
    SparsifierState state;
    state.groups.push_back({"nobody", PlainValue::dict(), PlainValue::dict(), nullptr, DType::F32});
    write_sparsifier_state(state, folder / "other.pt", silent);
    session.load_state(folder / "other.pt");
    EXPECT_THAT(last_notice(), HasSubstr("nobody: the state has a mask for it, but the model has no such tensor"));
    state.groups[0].tensor_fqn = "b";
    write_sparsifier_state(state, folder / "unsaid.pt", silent);
    session.load_state(folder / "unsaid.pt");
    EXPECT_THAT(last_notice(), HasSubstr("b: the state does not say which sparsifier it is of"));
    EXPECT_EQ(shown()->undo_label, "");
    session.set_sparsifier({1}, "n_m");
    session.load_state(folder / "unsaid.pt");
    EXPECT_EQ(shown()->tensors[1]->sparsifier->name(), "n_m") << "what was chosen for the tensor tells";
}

}  // namespace
}  // namespace lacuna
