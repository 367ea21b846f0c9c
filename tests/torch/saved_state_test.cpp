#include "engine/torch/saved_state.h"

#include <gmock/gmock.h>

#include "tests/support/problem_of.h"
#include "tests/support/scratch_folder.h"
#include "tests/torch/modules.h"

namespace lacuna {
namespace {

using namespace testing_support;
using testing::HasSubstr;

Options half() {
    Options options;
    options.set("sparse_block_shape", std::vector<int64_t>{1, 1});
    return options;
}

TEST(SavedState, AModuleSparsifierGoesOnFromAFile) {
    const ScratchFolder folder;
    SimpleLinear model, other;
    for (const auto& parameter : model.named_parameters()) {
        const at::NoGradGuard no_grad;
        other.named_parameters()[parameter.key()].copy_(parameter.value());
    }
    ModuleSparsifier sparsifier(lacuna::sparsifier("weight_norm"), half());
    sparsifier.prepare(model);
    sparsifier.step();
    sparsifier.enable_mask_update("linear1.weight", false);
    Progress progress;
    write_sparsifier_state(to_saved_state(sparsifier.state_dict()), folder / "state.pt", progress);

    ModuleSparsifier again(lacuna::sparsifier("weight_norm"));
    again.prepare(other);
    again.load_state_dict(to_module_state(read_sparsifier_state(folder / "state.pt")));
    EXPECT_EQ(again.steps_taken(), 1);
    again.step();
    sparsifier.step();
    for (const SparsifyGroup& group : sparsifier.groups()) {
        const SparsifyGroup& loaded = again.group(group.tensor_fqn);
        EXPECT_EQ(loaded.options, group.options);
        EXPECT_EQ(loaded.fake_sparsity.enabled, group.tensor_fqn != "linear1.weight");
        EXPECT_GT(group.fake_sparsity.mask->pruned(), 0);
        EXPECT_EQ(*loaded.fake_sparsity.mask, *group.fake_sparsity.mask);
    }
}

TEST(SavedState, SomebodyHasToSayWhichSparsifierItIs) {
    SparsifierState saved;
    saved.groups.emplace_back();
    saved.groups[0].tensor_fqn = "linear1.weight";
    saved.groups[0].config.set("sparsity_level", PlainValue::of(0.25));
    saved.groups[0].mask = std::make_shared<const Mask>(Mask::ones({4, 4}));
    EXPECT_THAT(problem_of([&] { to_module_state(saved); }), HasSubstr("do not tell which sparsifier"));
    const ModuleSparsifierState state = to_module_state(saved, &sparsifier("weight_norm"));
    EXPECT_EQ(state.groups[0].options.number("sparsity_level"), 0.25);
    saved.groups[0].mask = nullptr;
    EXPECT_THAT(problem_of([&] { to_module_state(saved, &sparsifier("weight_norm")); }), HasSubstr("has no mask"));
}

}  // namespace
}  // namespace lacuna
