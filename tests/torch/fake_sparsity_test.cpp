#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/optim/adam.h>
#include <torch/optim/sgd.h>
#include <torch/script.h>

#include "engine/torch/masked_tensor.h"
#include "engine/torch/module_sparsifier.h"
#include "engine/torch/tensor.h"
#include "tests/torch/modules.h"

namespace lacuna {
namespace {

using testing_support::SimpleLinear;
using testing_support::ZeroRow;

MaskPtr shared(Mask mask) {
    return std::make_shared<const Mask>(std::move(mask));
}

/// What torch.ao.pruning does while it trains: the original is the parameter, the layer sees mask·original.
class ParametrizedTraining {
  public:
    explicit ParametrizedTraining(const at::Tensor& weight)
        : original(weight.detach().clone().requires_grad_()), mask_(at::ones(weight.sizes())) {}
    void set_mask(const at::Tensor& mask) { mask_ = mask.to(at::kFloat); }
    at::Tensor seen() const { return original * mask_; }

    at::Tensor original;

  private:
    at::Tensor mask_;
};

TEST(TestFakeSparsity, masking_logic) {
    torch::nn::Linear layer = testing_support::linear(16, 16);
    {
        const at::NoGradGuard no_grad;
        layer->weight.copy_(at::eye(16));
    }
    const at::Tensor x = at::randn({3, 16});
    EXPECT_TRUE(at::equal(layer(x), x));
    const MaskedTensor masked("weight", layer->weight, shared(Mask::zeros({16, 16})));
    EXPECT_TRUE(at::equal(layer(at::randn({3, 16})), at::zeros({3, 16})));
}

TEST(TestFakeSparsity, pruned_weights_read_as_plus_zero) {
    const at::Tensor weight = at::ones({4});
    weight[0] = -1.0;
    weight[1] = std::numeric_limits<float>::quiet_NaN();
    weight[2] = -std::numeric_limits<float>::infinity();
    const at::Tensor before = weight.clone();
    {
        const MaskedTensor masked("w", weight, shared(Mask::zeros({4})));
        EXPECT_EQ(weight.view(at::kInt).abs().sum().item<int64_t>(), 0) << "bit for bit";
    }
    EXPECT_TRUE(at::equal(weight.view(at::kInt), before.view(at::kInt))) << "and the originals came back";
}

TEST(TestFakeSparsity, weights_parametrized) {
    SimpleLinear model;
    ModuleSparsifier sparsifier(lacuna::sparsifier("weight_norm"));
    sparsifier.prepare(
        model, SparsifyConfig{
                   {.tensor_fqn = "linear1.weight"}, {.tensor_fqn = "linear2.weight"}, {.tensor_fqn = "seq.1.weight"}});
    for (const char* fqn : {"linear1.weight", "linear2.weight", "seq.1.weight"})
        EXPECT_TRUE(MaskedTensor::is_masked(module_tree(model).find(fqn))) << fqn;
    for (const char* fqn : {"seq.0.weight", "seq.2.weight"})
        EXPECT_FALSE(MaskedTensor::is_masked(module_tree(model).find(fqn))) << fqn;
}

TEST(TestFakeSparsity, state_dict_preserved) {
    ZeroRow rule;
    SimpleLinear source, target;
    ModuleSparsifier from(rule), to(rule);
    from.prepare(source);
    to.prepare(target);
    from.step();
    std::vector<std::string> names;
    for (const auto& item : source.named_parameters()) names.push_back(item.key());
    EXPECT_THAT(
        names, testing::ElementsAre("seq.0.weight", "seq.1.weight", "seq.2.weight", "linear1.weight", "linear2.weight"))
        << "masks are no part of the module";
    for (const SparsifyGroup& group : from.groups()) to.set_original(group.tensor_fqn, from.original(group.tensor_fqn));
    for (const SparsifyGroup& group : to.groups()) {
        EXPECT_TRUE(at::equal(to.original(group.tensor_fqn), from.original(group.tensor_fqn))) << "weights travel";
        EXPECT_EQ(group.fake_sparsity.mask->pruned(), 0) << "masks do not";
        EXPECT_TRUE(at::equal(module_tree(target).find(group.tensor_fqn), from.original(group.tensor_fqn)));
    }
}

TEST(TestFakeSparsity, jit_trace) {
    ZeroRow rule;
    SimpleLinear model;
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(model);
    sparsifier.step();
    for (const at::Tensor& parameter : model.parameters()) parameter.requires_grad_(false);  // traced as constants
    const at::Tensor example = at::randn({3, 7});
    const auto traced = torch::jit::tracer::trace(
        {example}, [&](torch::jit::Stack inputs) -> torch::jit::Stack { return {model.forward(inputs[0].toTensor())}; },
        [](const torch::autograd::Variable&) { return std::string(); });
    torch::jit::GraphExecutor executor(traced.first->graph, "forward");
    const at::Tensor fresh = at::randn({5, 7});
    for (const at::Tensor& x : {example, fresh}) {
        torch::jit::Stack stack{x};
        executor.run(stack);
        EXPECT_TRUE(at::allclose(stack.at(0).toTensor(), model.forward(x)));
    }
}

TEST(TestFakeSparsity, gradient_is_masked) {
    ZeroRow rule;
    SimpleLinear model;
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(model);
    sparsifier.step();
    model.forward(at::randn({3, 7})).sum().backward();
    for (const SparsifyGroup& group : sparsifier.groups()) {
        const at::Tensor gradient = module_tree(model).find(group.tensor_fqn).grad();
        EXPECT_EQ(gradient[0].abs().sum().item<float>(), 0) << group.tensor_fqn;
    }
    EXPECT_GT(model.linear2->weight.grad()[1].abs().sum().item<float>(), 0);
    sparsifier.squash_mask();
    model.zero_grad();
    model.forward(at::randn({3, 7})).sum().backward();
    EXPECT_GT(model.linear2->weight.grad()[0].abs().sum().item<float>(), 0) << "no hook is left behind";
}

/// Trains a masked layer and upstream's parametrised one side by side; masks change in between.
template <class Optimizer, class OptimizerOptions>
void trains_like_upstream(OptimizerOptions options) {
    torch::manual_seed(1);
    torch::nn::Linear layer = testing_support::linear(6, 4);
    Mask first = Mask::ones({4, 6}), second = Mask::ones({4, 6});
    first.set_range(0, 6, false);
    second.set_range(3, 9, false);
    ParametrizedTraining peer(layer->weight);
    MaskedTensor masked("weight", layer->weight, shared(Mask::ones({4, 6})));
    Optimizer ours({layer->weight}, options), theirs({peer.original}, options);
    for (int round = 0; round < 12; ++round) {
        if (round == 4 || round == 8) {
            const Mask& mask = round == 4 ? first : second;
            masked.set_mask(shared(mask));
            peer.set_mask(to_tensor(mask));
        }
        const at::Tensor x = at::randn({5, 6});
        ours.zero_grad();
        theirs.zero_grad();
        layer(x).square().sum().backward();
        at::linear(x, peer.seen()).square().sum().backward();
        ours.step();
        theirs.step();
        masked.refresh();
        EXPECT_TRUE(at::allclose(layer->weight, peer.seen(), 1e-5, 1e-7)) << "round " << round;
        EXPECT_TRUE(at::allclose(masked.original(), peer.original, 1e-5, 1e-7)) << "round " << round;
    }
}

TEST(TestFakeSparsity, trains_as_a_parametrised_weight_does) {
    trains_like_upstream<torch::optim::SGD>(torch::optim::SGDOptions(0.01).momentum(0.9));
    trains_like_upstream<torch::optim::Adam>(torch::optim::AdamOptions(0.01));
}

TEST(TestFakeSparsity, one_mask_survives_conversion_of_the_module) {
    ZeroRow rule;
    SimpleLinear model;
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(model);
    sparsifier.step();
    const at::Tensor original = sparsifier.original("linear1.weight");
    model.to(at::kDouble);
    EXPECT_EQ(model.linear1->weight[0].abs().sum().item<double>(), 0);
    EXPECT_EQ(sparsifier.original("linear1.weight").scalar_type(), at::kDouble);
    EXPECT_TRUE(at::equal(sparsifier.original("linear1.weight"), original.to(at::kDouble)));
    model.forward(at::randn({3, 7}, at::kDouble)).sum().backward();
    EXPECT_EQ(model.linear1->weight.grad()[0].abs().sum().item<double>(), 0);
    sparsifier.step();
    sparsifier.squash_mask();
    EXPECT_EQ(model.linear1->weight.count_nonzero().item<int64_t>(), 12);
}

}  // namespace
}  // namespace lacuna
