// torch.ao.pruning's tests of its BaseSparsifier (docs/parity.md), as far as they need no module; the others are under
// tests/torch.
#include <gmock/gmock.h>

#include <atomic>
#include <type_traits>

#include "engine/base/error.h"
#include "engine/session/pruning.h"
#include "tests/session/simple_linear.h"

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace testing_support;

/// Upstream's mock: prunes row 0 and counts its updates. Fails for a tensor whose name holds `failing`.
class RowZero final : public Sparsifier {
  public:
    std::string_view name() const override { return "row_zero"; }
    std::string_view title() const override { return "Row zero"; }
    std::string_view help() const override { return "For tests."; }
    std::string_view source() const override { return "tests"; }
    std::span<const OptionSpec> options() const override {
        static const OptionSpec spec{
            .name = "test", .type = OptionType::integer, .default_value = int64_t(3), .maximum = 99};
        return {&spec, 1};
    }
    std::string why_not(const Shape&, DType) const override { return {}; }
    void check(const Options&, const Shape*) const override {}
    Mask compute(const MaskRequest& request) const override {
        ++updates;
        if (!failing.empty() && request.name.find(failing) != std::string_view::npos)
            throw Error(ErrorKind::argument, std::string(request.name), "is refused", "by the test");
        Mask mask = *request.current;
        mask.set_range(0, request.weight.shape.at(1), false);
        return mask;
    }
    mutable std::atomic<int> updates{0};
    std::string failing;
};

class TestBaseSparsifier : public testing::Test {
  protected:
    /// "Null config": every weight, with default options.
    std::vector<Target> every() const {
        std::vector<Target> all;
        for (size_t i = 0; i < checkpoint->tensors().size(); ++i) all.push_back({i, &rule, rule.complete({}), 0});
        return all;
    }
    Target one(const std::string& name, int64_t test = 3) const {
        Options options;
        options.set("test", test);
        return {checkpoint->find(name).value(), &rule, rule.complete(options), 0};
    }
    static std::vector<Mask> copies(const Pruning& pruning) {
        std::vector<Mask> masks;
        for (const auto& group : pruning.groups()) masks.push_back(*group.fake_sparsity.mask);
        return masks;
    }
    static bool row_zero_only(const Mask& mask) {
        const int64_t row = mask.shape()[1];
        return mask.kept_in(0, row) == 0 && mask.kept_in(row, mask.size()) == mask.size() - row;
    }

    ScratchFolder folder;
    CheckpointPtr checkpoint = simple_linear(folder);
    RowZero rule;
    Progress progress;
};

TEST_F(TestBaseSparsifier, constructor) {
    static_assert(std::is_abstract_v<Sparsifier>);
    const Pruning all(checkpoint, every());
    EXPECT_EQ(all.groups().size(), 5u);
    for (const auto& group : all.groups()) {
        EXPECT_EQ(group.target.options.integer("test"), 3);
        EXPECT_EQ(group.fake_sparsity.mask->pruned(), 0) << "prepare gives ones";
        EXPECT_TRUE(group.fake_sparsity.enabled);
    }
    const Pruning named(checkpoint, {one("linear1.weight")});
    ASSERT_EQ(named.groups().size(), 1u);
    EXPECT_EQ(named.groups()[0].fqn, "linear1.weight");
    EXPECT_EQ(Pruning(checkpoint, {}).groups().size(), 0u) << "an empty configuration is one";
}

TEST_F(TestBaseSparsifier, prepare_config) {
    const Pruning pruning(checkpoint, {one("seq.0.weight", 42), one("linear2.weight")});
    EXPECT_EQ(pruning.groups()[0].target.options.integer("test"), 42) << "an own option beats the default";
    EXPECT_EQ(pruning.groups()[1].target.options.integer("test"), 3);
    const MaskSet masks = pruning.masks();
    ASSERT_EQ(masks.size(), 2u) << "only what was named is masked";
    EXPECT_EQ(masks.begin()->first, "linear2.weight");
    EXPECT_EQ(masks.begin()->second->shape(), (Shape{10, 4}));
    try {
        Pruning(checkpoint, {one("linear1.weight"), one("linear1.weight")});
        ADD_FAILURE() << "upstream stacks a second mask; here it is refused";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("linear1.weight"));
    }
}

TEST_F(TestBaseSparsifier, step) {
    Pruning pruning(checkpoint, every());
    pruning.step(progress);
    EXPECT_EQ(rule.updates, 5);
    EXPECT_EQ(pruning.steps_taken(), 1);
    for (const auto& group : pruning.groups()) EXPECT_TRUE(row_zero_only(*group.fake_sparsity.mask)) << group.fqn;
}

TEST_F(TestBaseSparsifier, enable_mask_update) {
    Pruning pruning(checkpoint, every());
    pruning.enable_mask_update("seq.1.weight", false);
    pruning.step(progress);
    EXPECT_EQ(rule.updates, 4);
    EXPECT_EQ(pruning.masks().find("seq.1.weight")->second->pruned(), 0);
    pruning.enable_mask_update("seq.1.weight", true);
    pruning.step(progress);
    EXPECT_EQ(pruning.masks().find("seq.1.weight")->second->pruned(), 5);
    EXPECT_THROW(pruning.enable_mask_update("seq.9.weight", false), Error);
}

TEST_F(TestBaseSparsifier, a_failed_step_changes_nothing) {
    Pruning pruning(checkpoint, every());
    rule.failing = "linear1";
    const auto before = copies(pruning);
    EXPECT_THROW(pruning.step(progress), Error);
    EXPECT_EQ(copies(pruning), before);
    EXPECT_EQ(pruning.steps_taken(), 0);
    CancelToken token;
    token.cancel();
    Progress cancelled({}, token);
    rule.failing.clear();
    EXPECT_THROW(pruning.step(cancelled), Cancelled);
    EXPECT_EQ(copies(pruning), before);
}

TEST_F(TestBaseSparsifier, state_dict) {
    Pruning pruning(checkpoint, every());
    for (int i = 0; i < 3; ++i) pruning.step(progress);
    EXPECT_EQ(pruning.steps_taken(), 3);
    write_masks(pruning.masks(), folder / "state.safetensors", progress);
    for (int round = 0; round < 2; ++round) {  // upstream's second load gives ones
        const MaskSet loaded = read_masks(folder / "state.safetensors");
        ASSERT_EQ(loaded.size(), 5u);
        for (const auto& [name, mask] : pruning.masks()) EXPECT_EQ(*loaded.at(name), *mask) << name;
    }
}

// Upstream's deep copy has lost enable_mask_update and more: its next step fails.
TEST_F(TestBaseSparsifier, copies_are_whole_and_apart) {
    Pruning pruning(checkpoint, {one("linear1.weight", 42), one("seq.2.weight")});
    pruning.enable_mask_update("seq.2.weight", false);
    Pruning copy = pruning;
    copy.step(progress);
    EXPECT_EQ(copy.steps_taken(), 1);
    EXPECT_EQ(copy.groups()[0].target.options.integer("test"), 42);
    EXPECT_TRUE(row_zero_only(*copy.groups()[0].fake_sparsity.mask));
    EXPECT_FALSE(copy.groups()[1].fake_sparsity.enabled);
    EXPECT_EQ(copy.groups()[1].fake_sparsity.mask->pruned(), 0) << "frozen here too";
    EXPECT_EQ(pruning.steps_taken(), 0);
    EXPECT_EQ(pruning.groups()[0].fake_sparsity.mask->pruned(), 0) << "the source's mask is its own";
}

TEST_F(TestBaseSparsifier, mask_squash) {
    Pruning pruning(checkpoint, {one("linear1.weight"), one("seq.2.weight")});
    pruning.step(progress);
    export_checkpoint(*checkpoint, pruning.masks(), folder / "out.safetensors", Format::safetensors, progress);
    const CheckpointPtr out = open_checkpoint(folder / "out.safetensors");
    ASSERT_EQ(out->tensors().size(), 5u);
    for (size_t i = 0; i < 5; ++i) {
        const TensorInfo& info = checkpoint->tensors()[i];
        ASSERT_EQ(out->tensors()[i].name, info.name);
        std::vector<float> before(size_t(info.elements())), after(before.size());
        read_as_float(checkpoint->view(i), 0, info.elements(), before.data());
        read_as_float(out->view(i), 0, info.elements(), after.data());
        if (info.name == "linear1.weight" || info.name == "seq.2.weight")
            std::fill(before.begin(), before.begin() + info.shape[1], 0.0f);
        EXPECT_EQ(after, before) << info.name << " is mask times weight";
    }
}

}  // namespace
}  // namespace lacuna
