// What torch.ao.pruning's BaseSparsifier and WeightNormSparsifier do wrong on live modules (docs/parity.md, 1.4), and
// upstream's tests that step on changing weights.

#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/rnn.h>

#include <type_traits>

#include "engine/torch/masked_tensor.h"
#include "engine/torch/module_sparsifier.h"
#include "engine/torch/tensor.h"
#include "tests/support/problem_of.h"
#include "tests/torch/modules.h"

namespace lacuna {
namespace {

using namespace testing_support;

Options level(double value, std::vector<int64_t> block = {1, 4}) {
    Options options;
    options.set("sparsity_level", value);
    options.set("sparse_block_shape", std::move(block));
    return options;
}

const Mask& mask_of(const ModuleSparsifier& sparsifier, const char* fqn = "linear1.weight") {
    return *sparsifier.group(fqn).fake_sparsity.mask;
}

/// Upstream's thousand rounds, whose new weights never reach the sparsifier there; here they do.
template <class Check>
void step_on_changing_weights(const char* rule, const Options& options, const Check& check) {
    at::manual_seed(7);
    SimpleLinear model;
    ModuleSparsifier sparsifier(lacuna::sparsifier(rule), options);
    sparsifier.prepare(model, SparsifyConfig{{.tensor_fqn = "linear1.weight"}});
    EXPECT_EQ(mask_of(sparsifier).pruned(), 0);
    for (int round = 0; round < 1000; ++round) {
        const at::Tensor weights = at::randn({4, 4});
        sparsifier.set_original("linear1.weight", weights);
        sparsifier.step();
        const Mask& mask = mask_of(sparsifier);
        ASSERT_TRUE(check(mask)) << "round " << round;
        ASSERT_TRUE(at::equal(model.linear1->weight, weights * to_tensor(mask))) << "round " << round;
    }
}

TEST(TestWeightNormSparsifier, step) {
    step_on_changing_weights("weight_norm", level(0.5), [](const Mask& mask) {
        return mask.pruned() == 8 && block_stats(mask, {1, 4}).empty == 2;
    });
}

TEST(TestNearlyDiagonalSparsifier, step) {
    const Mask diagonal = to_mask(at::eye(4));
    step_on_changing_weights("nearly_diagonal", {}, [&](const Mask& mask) { return mask == diagonal; });
}

// Upstream takes whatever parametrization comes first for its own, and step fails. C++ has hooks on tensors instead.
TEST(TestBaseSparsifier, what_others_put_on_a_weight_stays) {
    ZeroRow rule;
    SimpleLinear model;
    int seen = 0;
    model.linear1->weight.register_hook([&](const at::Tensor&) { ++seen; });
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(model);
    sparsifier.step();
    const auto gradient = [&] {
        model.zero_grad();
        model.forward(at::randn({3, 7})).square().sum().backward();
        return model.linear1->weight.grad()[0].abs().sum().item<double>();
    };
    EXPECT_EQ(gradient(), 0);
    sparsifier.squash_mask();
    gradient();
    EXPECT_EQ(seen, 2) << "the caller's hook runs while masked, and after";
}

// Upstream keeps one `sparse_params` a module: of two tensors the last wins.
TEST(TestBaseSparsifier, sparse_params_are_kept_by_tensor) {
    ZeroRow rule;
    torch::nn::LSTM lstm(torch::nn::LSTMOptions(3, 2));
    Options first, second;
    first.set("test", int64_t(2));
    second.set("test", int64_t(4));
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(*lstm, SparsifyConfig{{.tensor_fqn = "weight_ih_l0", .options = first},
                                             {.tensor_fqn = "weight_hh_l0", .options = second}});
    sparsifier.squash_mask({"test"});
    EXPECT_EQ(sparsifier.sparse_params("weight_ih_l0"), first);
    EXPECT_EQ(sparsifier.sparse_params("weight_hh_l0"), second);
}

// Upstream's state_dict()["state"] is the live object, and loading it shares the masks.
TEST(TestBaseSparsifier, a_state_is_a_snapshot_and_shares_nothing) {
    SimpleLinear model, other;
    Options anew = level(0.25, {1, 1});
    anew.set("score", std::string("original"));
    ModuleSparsifier source(lacuna::sparsifier("weight_norm"), anew), target(lacuna::sparsifier("weight_norm"));
    source.prepare(model);
    const ModuleSparsifierState before = source.state_dict();
    source.step();
    EXPECT_EQ(before.groups[0].fake_sparsity.mask->pruned(), 0);
    EXPECT_EQ(before.steps, 0);
    const ModuleSparsifierState after = source.state_dict();
    const Mask stepped = mask_of(source);
    EXPECT_EQ(stepped.pruned(), 4);
    target.prepare(other);
    target.load_state_dict(after);
    target.set_original("linear1.weight", at::randn({4, 4}));
    target.step();
    EXPECT_NE(mask_of(target), stepped);
    EXPECT_EQ(mask_of(source), stepped) << "the source keeps its own";
    target.load_state_dict(after);
    EXPECT_EQ(mask_of(target), stepped) << "the state gives the same a second time";
}

// Upstream's deep copy has lost enable_mask_update, the model and the norm.
TEST(TestBaseSparsifier, a_state_carries_rule_options_and_freezing) {
    static_assert(!std::is_copy_constructible_v<ModuleSparsifier> && !std::is_copy_assignable_v<ModuleSparsifier>);
    SimpleLinear model, other;
    Options norm = level(0.5, {1, 1});
    norm.set("norm", std::string("1"));
    ModuleSparsifier source(lacuna::sparsifier("weight_norm"), norm);
    source.prepare(model);
    source.enable_mask_update("seq.0.weight", false);
    ModuleSparsifier target(lacuna::sparsifier("nearly_diagonal"));
    target.prepare(other);
    target.load_state_dict(source.state_dict());
    target.step();
    EXPECT_EQ(target.group("linear1.weight").options.choice("norm"), "1");
    EXPECT_EQ(target.group("linear1.weight").sparsifier, &lacuna::sparsifier("weight_norm"));
    EXPECT_EQ(mask_of(target).pruned(), 8);
    EXPECT_EQ(mask_of(target, "seq.0.weight").pruned(), 0) << "frozen";
}

// Upstream: the mask becomes float32, and with it the weight; forward and squash raise.
TEST(TestWeightNormSparsifier, half_precision_stays_half) {
    for (const auto type : {at::kHalf, at::kBFloat16}) {
        torch::nn::Sequential model(linear(8, 8));
        model->to(type);
        const at::Tensor weight = model[0]->named_parameters(false)["weight"], before = weight.detach().clone();
        const at::Tensor x = at::randn({3, 8}).to(type);
        ModuleSparsifier sparsifier(lacuna::sparsifier("weight_norm"), level(0.5));
        sparsifier.prepare(*model);
        sparsifier.step();
        EXPECT_EQ(weight.scalar_type(), type);
        EXPECT_EQ(mask_of(sparsifier, "0.weight").pruned(), 32);
        const at::Tensor masked = before * to_tensor(mask_of(sparsifier, "0.weight")).to(type);
        EXPECT_TRUE(at::equal(model->forward(x), at::linear(x, masked)));
        sparsifier.squash_mask();
        EXPECT_EQ(weight.scalar_type(), type);
        EXPECT_TRUE(at::equal(weight, masked));
    }
}

}  // namespace
}  // namespace lacuna
