#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/passes/inliner.h>

#include "engine/sparsifiers/registry.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/masked_tensor.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/module_sparsifier.h"
#include "engine/torch/quantized/convert.h"
#include "engine/torch/quantized/engine_scope.h"
#include "engine/torch/quantized/graph_mode.h"
#include "engine/torch/quantized/linear_module.h"
#include "tests/torch/quantized/script_models.h"

// torch.ao.pruning's own tests that pruning and quantisation go together in either order, on TorchScript modules. Eager
// mode is prepare.h and convert.h; graph_mode.h stands for FX's, which is Python's.

namespace lacuna {
namespace {

using testing_support::run;
using testing_support::script_linear;
using testing_support::script_relu;
using testing_support::script_sequential;
using torch::jit::Module;

std::string type_at(const Module& model, const std::string& fqn) {
    return type_name(fqn_to_module(model, fqn).value());
}

Options options(double level) {
    Options given;
    given.set("sparsity_level", level);
    given.set("sparse_block_shape", std::vector<int64_t>{1, 4});
    return given;
}

/// Upstream's model: three Linear layers with ReLU between; only layer 5 is to be quantised. The stubs that upstream
/// has at 4 and 7 are not needed where a layer quantises its own inputs; a ReLU keeps the numbering.
struct Case {
    Case()
        : model(script_sequential({script_linear(4, 4), script_relu(), script_linear(4, 4), script_relu(),
                                   script_relu(), script_linear(4, 4), script_relu(), script_relu()})),
          sparsifier(lacuna::sparsifier("weight_norm"), options(0.8)) {}

    /// Prepares the two layers that upstream prunes, and sees that both are masked.
    void prune(const Module& which, const std::string& second = "5.weight") {
        sparsifier.prepare(which,
                           SparsifyConfig{{.tensor_fqn = second, .options = options(0.7)}, {.tensor_fqn = "0.weight"}});
        expect_masked(which, second);
    }
    static void expect_masked(const Module& which, const std::string& second) {
        EXPECT_TRUE(MaskedTensor::is_masked(fqn_to_tensor(which, "0.weight")));
        EXPECT_TRUE(MaskedTensor::is_masked(fqn_to_tensor(which, second)));
        EXPECT_FALSE(MaskedTensor::is_masked(fqn_to_tensor(which, "2.weight")));
    }

    Module model;
    ModuleSparsifier sparsifier;
};

const QConfigs layer5{{"5", QConfig{}}};

at::Tensor some_input() {
    return at::randn({1, 4, 4, 4});
}

void expect_observers(const Module& model) {
    const Module layer = fqn_to_module(model, "5").value();
    EXPECT_TRUE(layer.hasattr("activation_pre_process"));
    EXPECT_TRUE(layer.hasattr("activation_post_process"));
}

double zeros(const at::Tensor& weight) {
    return weight.int_repr().eq(0).to(at::kDouble).mean().item<double>();
}

/// The model keeps its input's shape.
void expect_close(const at::Tensor& output, const at::Tensor& input, const at::Tensor& expected, double tolerance) {
    EXPECT_EQ(output.sizes(), input.sizes());
    EXPECT_LT((output - expected).abs().max().item<double>(), tolerance * expected.abs().max().item<double>() + 1e-6);
}

/// Step, squash if wanted, calibrate, convert; then: the class, that it runs, that the masks are in the integers.
void finish(Case& c, const Module& prepared, const std::string& type, bool squash = true) {
    c.sparsifier.step();
    const Mask mask = *c.sparsifier.groups()[0].fake_sparsity.mask;
    if (squash) c.sparsifier.squash_mask();
    const at::Tensor input = some_input(), expected = run(prepared, input);
    const Module converted = convert_prepared(prepared, quantized_static_mapping());
    EXPECT_EQ(type_at(converted, "5"), type);
    EXPECT_EQ(type_at(converted, "0"), "Linear");
    expect_close(run(converted, input), input, expected, 0.03);
    const at::Tensor weight = unpacked_weight(fqn_to_module(converted, "5").value());
    EXPECT_GE(zeros(weight), 0.7);
    EXPECT_EQ(mask.pruned(), 12) << "round(0.7 · 4) blocks of 4";
    for (int64_t i = 0; i < mask.size(); ++i) {
        if (!mask[i]) {
            EXPECT_EQ(weight.int_repr().flatten()[i].item<int64_t>(), 0);
        }
    }
}

TEST(TestComposability, q_prep_before_s_prep) {
    at::manual_seed(0);
    Case c;
    const Module prepared = prepare(c.model, layer5);
    c.prune(prepared);
    expect_observers(prepared);
    finish(c, prepared, "QuantizedLinear");
}

TEST(TestComposability, s_prep_before_q_prep) {
    at::manual_seed(1);
    Case c;
    c.prune(c.model);
    const Module prepared = prepare(c.model, layer5);
    c.expect_masked(prepared, "5.weight");
    expect_observers(prepared);
    finish(c, prepared, "QuantizedLinear");
}

TEST(TestComposability, convert_without_squash_mask) {
    at::manual_seed(2);
    Case c;
    const Module prepared = prepare(c.model, layer5);
    c.prune(prepared);
    expect_observers(prepared);
    finish(c, prepared, "QuantizedLinear", false);
}

TEST(TestComposability, s_prep_before_fusion) {
    at::manual_seed(3);
    Case c;
    c.prune(c.model);
    const Module fused = fuse(c.model, {{"5", "6"}});
    c.expect_masked(fused, "5.0.weight");
    EXPECT_EQ(type_at(fused, "5"), "LinearReLU");
    EXPECT_EQ(type_at(fused, "6"), "Identity");
    const Module prepared = prepare(fused, layer5);
    expect_observers(prepared);
    finish(c, prepared, "QuantizedLinearReLU");
}

TEST(TestComposability, fusion_before_s_prep) {
    at::manual_seed(4);
    Case c;
    const Module fused = fuse(c.model, {{"5", "6"}});
    const at::Tensor input = some_input();
    EXPECT_TRUE(run(fused, input).equal(run(c.model, input)));
    c.prune(fused, "5.0.weight");
    const Module prepared = prepare(fused, layer5);
    c.expect_masked(prepared, "5.0.weight");
    expect_observers(prepared);
    finish(c, prepared, "QuantizedLinearReLU");
}

void expect_fake_quantisers(const Module& model) {
    expect_observers(model);
    EXPECT_TRUE(fqn_to_module(model, "5")->hasattr("weight_fake_quant"));
}

/// One step of training on a prepared model moves kept weights only.
void train(Case& c, const Module& prepared) {
    at::Tensor weight = fqn_to_tensor(prepared, "5.weight");
    weight.requires_grad_(true);
    Module callable = prepared;
    callable.forward({some_input()}).toTensor().square().sum().backward();
    ASSERT_TRUE(weight.grad().defined());
    EXPECT_GT(weight.grad().abs().sum().item<double>(), 0);
    const at::Tensor before = weight.detach().clone();
    {
        const at::NoGradGuard no_grad;
        weight.sub_(weight.grad(), 0.1);
    }
    c.sparsifier.apply_masks();
    const Mask& mask = *c.sparsifier.groups()[0].fake_sparsity.mask;
    EXPECT_FALSE(weight.equal(before));
    for (int64_t i = 0; i < mask.size(); ++i) {
        if (!mask[i]) {
            EXPECT_EQ(weight.flatten()[i].item<double>(), 0);
        }
    }
    weight.requires_grad_(false);
}

TEST(TestComposability, s_prep_before_qat_prep) {
    at::manual_seed(5);
    Case c;
    c.prune(c.model);
    const Module prepared = prepare_qat(c.model, layer5);
    c.expect_masked(prepared, "5.weight");
    EXPECT_EQ(type_at(prepared, "5"), "QatLinear");
    expect_fake_quantisers(prepared);
    c.sparsifier.step();
    train(c, prepared);
    finish(c, prepared, "QuantizedLinear");
}

TEST(TestComposability, qat_prep_before_s_prep) {
    at::manual_seed(16);
    Case c;
    const Module prepared = prepare_qat(c.model, layer5);
    c.prune(prepared);
    EXPECT_EQ(type_at(prepared, "5"), "QatLinear");
    expect_fake_quantisers(prepared);
    c.sparsifier.step();
    train(c, prepared);
    finish(c, prepared, "QuantizedLinear");
}

/// What training sees is what conversion gives: weights and outputs on the same grid.
TEST(TestComposability, fake_quantised_layers_compute_as_converted_ones) {
    at::manual_seed(7);
    const Module model = script_sequential({script_linear(8, 6)});
    for (const bool per_channel : {false, true}) {
        const Module prepared = prepare_qat(model, {{"0", {.per_channel = per_channel}}});
        const at::Tensor input = at::randn({16, 8});
        run(prepared, input);  // fixes the ranges
        const at::Tensor trained = run(prepared, input);
        const Module converted = convert_prepared(prepared, quantized_static_mapping());
        const double step = fqn_to_module(converted, "0")->attr("scale").toDouble();
        EXPECT_LT((run(converted, input) - trained).abs().max().item<double>(), step * 1.01);
    }
}

/// Graph mode: observers are on every value, so all three layers are quantised, without squash, and ReLU is fused in.
void finish_graph(Case& c, const Module& prepared) {
    c.sparsifier.step();
    const at::Tensor input = some_input(), expected = run(prepared, input);
    const EngineScope scope(c10::QEngine::FBGEMM);
    const Module converted = convert_graph(prepared);
    const std::vector<at::Tensor> weights = graph_weights(converted);
    ASSERT_EQ(weights.size(), 3u);
    const at::Tensor masked = fqn_to_tensor(c.model, "5.weight");
    int found = 0;
    for (const at::Tensor& weight : weights)
        if ((weight.dequantize() - masked).abs().max().item<double>() < 0.02) {
            ++found;
            EXPECT_GE(zeros(weight), 0.7);
        }
    EXPECT_EQ(found, 1);
    const std::string code = converted.get_method("forward").graph()->toString(false);
    EXPECT_NE(code.find("quantized::linear_relu"), code.npos);
    EXPECT_EQ(code.find("aten::linear"), code.npos);
    expect_close(run(converted, input), input, expected, 0.1);
}

TEST(TestFxComposability, q_prep_fx_before_s_prep) {
    at::manual_seed(8);
    Case c;
    const Module prepared = prepare_graph(c.model, QConfig{});
    c.prune(prepared);
    c.expect_masked(c.model, "5.weight");
    finish_graph(c, prepared);
}

TEST(TestFxComposability, s_prep_before_q_prep_fx) {
    at::manual_seed(9);
    Case c;
    c.prune(c.model);
    const Module prepared = prepare_graph(c.model, QConfig{});
    c.expect_masked(prepared, "5.weight");
    finish_graph(c, prepared);
}

/// LibTorch's passes have no training form: fake quantisers go in by layer, the graph is quantised after.
TEST(TestFxComposability, s_prep_before_qat_prep_fx) {
    at::manual_seed(10);
    Case c;
    c.prune(c.model);
    const Module training = prepare_qat(c.model, layer5);
    expect_fake_quantisers(training);
    c.sparsifier.step();
    train(c, training);
    const Module prepared = prepare_graph(c.model, QConfig{});  // shares the trained tensors
    c.expect_masked(prepared, "5.weight");
    finish_graph(c, prepared);
}

/// The reference form keeps float operators between quantize and dequantize.
void finish_reference(Case& c, const Module& prepared) {
    c.sparsifier.step();
    const at::Tensor input = some_input(), expected = run(prepared, input);
    const Module converted = convert_graph(prepared, true);
    const at::Tensor weight = quantised_weight(fqn_to_tensor(converted, "5.weight"), true);
    EXPECT_GE(zeros(weight), 0.7);
    Module inlined = converted.deepcopy();
    const auto graph = inlined.get_method("forward").graph()->copy();
    torch::jit::Inline(*graph);
    const std::string code = graph->toString(false);
    EXPECT_NE(code.find("aten::linear"), code.npos);
    EXPECT_NE(code.find("aten::quantize_per_channel"), code.npos);
    EXPECT_EQ(code.find("quantized::linear"), code.npos);
    expect_close(run(converted, input), input, expected, 0.1);
}

TEST(TestFxComposability, q_prep_fx_s_prep_ref_conv) {
    at::manual_seed(11);
    Case c;
    const Module prepared = prepare_graph(c.model, QConfig{});
    c.prune(prepared);
    finish_reference(c, prepared);
}

TEST(TestFxComposability, s_prep_q_prep_fx_ref) {
    at::manual_seed(12);
    Case c;
    c.prune(c.model);
    const Module prepared = prepare_graph(c.model, QConfig{});
    finish_reference(c, prepared);
}

}  // namespace
}  // namespace lacuna
