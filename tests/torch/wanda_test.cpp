#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>

#include "engine/base/error.h"
#include "engine/torch/masked_tensor.h"
#include "engine/torch/module_sparsifier.h"
#include "tests/torch/modules.h"

namespace lacuna {
namespace {

using namespace testing_support;

/// wanda with upstream's norm and scope, or with the paper's.
Options wanda_options(bool upstream, double level = .5) {
    Options options;
    options.set("sparsity_level", level);
    if (upstream) {
        options.set("norm", std::string("l2_squared"));
        options.set("scope", std::string("layer"));
    }
    return options;
}

torch::nn::Sequential mlp(std::vector<int64_t> widths) {
    torch::nn::Sequential layers;
    for (size_t i = 0; i + 1 < widths.size(); ++i) layers->push_back(linear(widths[i], widths[i + 1]));
    return layers;
}

at::Tensor weight_of(torch::nn::Sequential& model, size_t layer) {
    return model[layer]->named_parameters(false)["weight"];
}

void set_weight(torch::nn::Sequential& model, const at::Tensor& values) {
    torch::NoGradGuard no_gradient;
    weight_of(model, 0).copy_(values);
}

/// The weight with its mask, row-major.
std::vector<float> values_of(torch::nn::Sequential& model) {
    const at::Tensor flat = weight_of(model, 0).detach().flatten();
    return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

TEST(TestWandaSparsifier, prepare) {
    SimpleLinear model;
    ModuleSparsifier sparsifier(lacuna::sparsifier("wanda"));
    sparsifier.prepare(model);
    ASSERT_EQ(sparsifier.groups().size(), 5u);
    EXPECT_THROW(sparsifier.step(), Error) << "no layer has seen an input";
    model.forward(at::ones({3, 7}));
    for (const SparsifyGroup& group : sparsifier.groups()) {
        const at::Tensor weight = model.named_parameters()[group.tensor_fqn];
        EXPECT_TRUE(MaskedTensor::is_masked(weight)) << group.tensor_fqn;
        ASSERT_NE(sparsifier.activations(group.tensor_fqn), nullptr) << group.tensor_fqn;
        EXPECT_EQ(int64_t(sparsifier.activations(group.tensor_fqn)->squares.size()), weight.size(1));
    }
    EXPECT_THAT(sparsifier.activations("seq.0.weight")->squares, testing::Each(3)) << "three rows of ones";
}

TEST(TestWandaSparsifier, squash_mask) {
    SimpleLinear model;
    ModuleSparsifier sparsifier(lacuna::sparsifier("wanda"));
    sparsifier.prepare(model);
    model.forward(at::randn({3, 7}));
    sparsifier.step();
    const ActivationsPtr before = sparsifier.activations("seq.0.weight");
    sparsifier.squash_mask();
    for (const auto& parameter : model.named_parameters()) EXPECT_FALSE(MaskedTensor::is_masked(parameter.value()));
    const int64_t rows = before->rows;
    model.forward(at::randn({3, 7}));
    EXPECT_EQ(before->rows, rows) << "nobody observes any more";
    EXPECT_EQ(sparsifier.group("seq.0.weight").fake_sparsity.mask->pruned(), 5 * 3) << "3 of 7 in each of 5 rows";
}

TEST(TestWandaSparsifier, one_layer_mlp_2x4) {
    for (const bool upstream : {false, true}) {
        torch::nn::Sequential model = mlp({8, 1});
        set_weight(model, at::tensor({1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f, 8.f}).view({1, 8}));
        Options options = wanda_options(upstream);
        options.set("semi_structured_block_size", int64_t(4));
        ModuleSparsifier sparsifier(lacuna::sparsifier("wanda"), options);
        sparsifier.prepare(*model);
        model->forward(at::ones({1, 8}));
        sparsifier.step();
        sparsifier.squash_mask();
        EXPECT_THAT(values_of(model), testing::ElementsAre(0, 0, 3, 4, 0, 0, 7, 8));
    }
}

TEST(TestWandaSparsifier, one_layer_mlp_unstructured) {
    for (const bool upstream : {false, true}) {
        torch::nn::Sequential model = mlp({4, 1});
        set_weight(model, at::tensor({1.f, 2.f, 3.f, 4.f}).view({1, 4}));
        ModuleSparsifier sparsifier(lacuna::sparsifier("wanda"), wanda_options(upstream));
        sparsifier.prepare(*model);
        model->forward(at::tensor({100.f, 10.f, 1.f, .1f}).view({1, 4}));
        sparsifier.step();
        sparsifier.squash_mask();
        EXPECT_THAT(values_of(model), testing::ElementsAre(1, 2, 0, 0));
    }
}

TEST(TestWandaSparsifier, two_layer_mlp_unstructured) {
    at::manual_seed(5);
    for (const bool upstream : {false, true}) {
        torch::nn::Sequential model(linear(128, 200), torch::nn::ReLU(), linear(200, 10));
        ModuleSparsifier sparsifier(lacuna::sparsifier("wanda"), wanda_options(upstream));
        sparsifier.prepare(*model);
        const auto expect_half = [&] {
            for (const SparsifyGroup& group : sparsifier.groups()) {
                const Mask& mask = *group.fake_sparsity.mask;
                EXPECT_EQ(mask.sparsity(), .5) << group.tensor_fqn;
                const int64_t columns = mask.shape()[1];
                for (int64_t row = 0; !upstream && row < mask.shape()[0]; ++row)
                    ASSERT_EQ(mask.kept_in(row * columns, (row + 1) * columns), columns / 2) << "the paper's, per row";
                EXPECT_EQ(model->named_parameters()[group.tensor_fqn].eq(0).to(at::kDouble).mean().item<double>(), .5);
            }
        };
        model->forward(at::randn({100, 128}));
        model->forward(at::randn({50, 128}));
        sparsifier.step();
        expect_half();
        const Mask first = *sparsifier.group("0.weight").fake_sparsity.mask;
        at::Tensor other = at::randn({100, 128});
        other.slice(1, 0, 64) *= 9;
        model->forward(other);
        sparsifier.step();  // upstream's second step would prune the union of both
        expect_half();
        EXPECT_NE(*sparsifier.group("0.weight").fake_sparsity.mask, first) << "the new inputs count";
        sparsifier.squash_mask();
    }
}

/// The weight whose input is stronger stays, by the paper's norm and by upstream's sum of squares differently.
TEST(TestWandaSparsifier, norm_is_the_paper_s) {
    for (const bool upstream : {false, true}) {
        torch::nn::Sequential model = mlp({2, 1});
        set_weight(model, at::tensor({1.f, 3.f}).view({1, 2}));
        ModuleSparsifier sparsifier(lacuna::sparsifier("wanda"), wanda_options(upstream));
        sparsifier.prepare(*model);
        model->forward(at::tensor({2.f, 1.f}).view({1, 2}));
        sparsifier.step();
        sparsifier.squash_mask();
        // Paper: 1·2 < 3·1. Upstream: 1·4 > 3·1.
        EXPECT_THAT(values_of(model), upstream ? testing::ElementsAre(1, 0) : testing::ElementsAre(0, 3));
    }
}

}  // namespace
}  // namespace lacuna
