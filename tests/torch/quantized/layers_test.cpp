#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/sparsifiers/registry.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/module_sparsifier.h"
#include "engine/torch/quantized/convert.h"
#include "engine/torch/quantized/engine_scope.h"
#include "engine/torch/quantized/linear_module.h"
#include "tests/support/error_of.h"
#include "tests/torch/modules.h"
#include "tests/torch/quantized/script_models.h"

namespace lacuna {
namespace {

using c10::QEngine;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::error_of;
using testing_support::run;
using testing_support::script_linear;
using testing_support::script_relu;
using testing_support::script_sequential;
using testing_support::script_simple_linear;
using torch::jit::Module;

std::string type_at(const Module& model, const std::string& fqn) {
    return type_name(fqn_to_module(model, fqn).value());
}

/// A model of one Linear, half of whose 1×4 blocks are pruned by weight_norm.
struct OnePruned {
    explicit OnePruned(int64_t in = 4, int64_t out = 7, bool relu = false)
        : model(relu ? script_sequential({script_linear(in, out), script_relu()})
                     : script_sequential({script_linear(in, out)})),
          sparsifier(lacuna::sparsifier("weight_norm")) {
        if (relu) model = fuse(model, {{"0", "1"}});
        Options options;
        options.set("sparsity_level", 0.5);
        options.set("sparse_block_shape", std::vector<int64_t>{1, 4});
        sparsifier.prepare(model, SparsifyConfig{{.tensor_fqn = relu ? "0.0.weight" : "0.weight", .options = options}});
        sparsifier.step();
    }
    void squash() { sparsifier.squash_mask({"sparse_block_shape"}); }

    Module model;
    ModuleSparsifier sparsifier;
};

const MaskedLayer layer0{"0", [] {
                             Options options;
                             options.set("sparse_block_shape", std::vector<int64_t>{1, 4});
                             return options;
                         }()};

/// The layer as `mapping` converts it, on the engine that the sparse one needs.
Module converted(const Module& model, const ConversionMapping& mapping, QEngine engine) {
    const EngineScope scope(engine);
    return convert(model, {layer0}, mapping);
}

/// Largest difference, of the largest value.
double distance(const at::Tensor& a, const at::Tensor& b) {
    return ((a - b).abs().max() / b.abs().max()).item<double>();
}

TEST(TestQuantizedSparseLayers, sparse_qlinear) {
    at::manual_seed(0);
    for (const auto& [in, out] : std::vector<std::pair<int64_t, int64_t>>{{4, 7}, {33, 20}})
        for (const bool per_channel : {false, true})
            for (const bool relu : {false, true}) {
                OnePruned pruned(in, out, relu);
                pruned.squash();
                const at::Tensor input = at::randn({12, in});
                const Module prepared = prepare(pruned.model, {{"0", {.per_channel = per_channel}}});
                run(prepared, input);
                const Module dense = converted(prepared, quantized_static_mapping(), sparse_static_engine);
                const Module sparse = converted(prepared, sparse_quantized_static_mapping(), sparse_static_engine);
                EXPECT_EQ(type_at(dense, "0"), relu ? "QuantizedLinearReLU" : "QuantizedLinear");
                EXPECT_EQ(type_at(sparse, "0"), relu ? "SparseQuantizedLinearReLU" : "SparseQuantizedLinear");
                EXPECT_TRUE(run(sparse, input).equal(run(dense, input)));
                EXPECT_LT(distance(run(sparse, input), run(pruned.model, input)), 0.04);
                EXPECT_TRUE(run(sparse, input[3]).equal(run(sparse, input)[3])) << "an input without a batch";
                EXPECT_TRUE(run(sparse, input.to(at::kDouble)).equal(run(sparse, input).to(at::kDouble)));

                const EngineScope scope(sparse_dynamic_engine);
                const Module dynamic_dense = convert(prepared, {layer0}, quantized_dynamic_mapping());
                const Module dynamic = convert(prepared, {layer0}, sparse_quantized_dynamic_mapping());
                EXPECT_EQ(type_at(dynamic, "0"),
                          relu ? "SparseQuantizedDynamicLinearReLU" : "SparseQuantizedDynamicLinear");
                EXPECT_TRUE(run(dynamic, input).equal(run(dynamic_dense, input)));
                EXPECT_LT(distance(run(dynamic, input), run(pruned.model, input)), 0.04);
            }
}

TEST(TestQuantizedSparseLayers, sparse_qlinear_serdes) {
    at::manual_seed(1);
    const at::Tensor input = at::randn({12, 4});
    OnePruned pruned;
    pruned.squash();
    const Module prepared = prepare(pruned.model, {{"0", QConfig{}}});
    run(prepared, input);
    const auto check = [&](const ConversionMapping& mapping, QEngine engine) {
        const EngineScope scope(engine);
        const Module module = convert(prepared, {layer0}, mapping);
        std::stringstream file, second;
        module.save(file);
        Module loaded = torch::jit::load(file);
        EXPECT_EQ(type_at(loaded, "0"), type_at(module, "0"));
        EXPECT_TRUE(run(loaded, input).equal(run(module, input)));
        EXPECT_TRUE(unpacked_weight(fqn_to_module(loaded, "0").value())
                        .dequantize()
                        .equal(unpacked_weight(fqn_to_module(module, "0").value()).dequantize()));
        loaded.save(second);
        EXPECT_TRUE(run(torch::jit::load(second), input).equal(run(module, input)));
        loaded.eval();
        EXPECT_TRUE(run(torch::jit::freeze(loaded), input).equal(run(module, input)));
    };
    check(sparse_quantized_static_mapping(), sparse_static_engine);
    check(sparse_quantized_dynamic_mapping(), sparse_dynamic_engine);
}

TEST(TestQuantizedSparseLayers, pruned_weights_are_zero_inside) {
    at::manual_seed(2);
    OnePruned pruned(16, 8);
    const Mask mask = *pruned.sparsifier.group("0.weight").fake_sparsity.mask;
    const Module unsquashed =
        converted(pruned.model, sparse_quantized_dynamic_mapping({{"0", QConfig{}}}), sparse_dynamic_engine);
    pruned.squash();
    const Module squashed =
        converted(pruned.model, sparse_quantized_dynamic_mapping({{"0", QConfig{}}}), sparse_dynamic_engine);
    for (const Module& module : {unsquashed, squashed}) {
        const at::Tensor weight = unpacked_weight(fqn_to_module(module, "0").value()).int_repr();
        EXPECT_EQ(mask.pruned(), 64);
        for (int64_t i = 0; i < mask.size(); ++i) {
            if (!mask[i]) {
                EXPECT_EQ(weight.flatten()[i].item<int64_t>(), 0);
            }
        }
    }
}

TEST(TestQuantizedSparseLayers, errors_in_words) {
    OnePruned pruned;
    const auto message = [&](const ConversionMapping& mapping, const Module& model, const MaskedLayer& layer) {
        const Error error = error_of([&] { convert(model, {layer}, mapping); });
        EXPECT_EQ(error.where(), "0");
        return std::string(error.what());
    };
    const auto sparse = [](const QConfigs& qconfigs) { return sparse_quantized_dynamic_mapping(qconfigs); };
    EXPECT_THAT(message(sparse({}), pruned.model, layer0), HasSubstr("no qconfig"));
    EXPECT_THAT(message(sparse({{"0", {}}}), pruned.model, {"0", {}}), HasSubstr("sparse_block_shape"));
    MaskedLayer wide = layer0;
    wide.sparse_params.set("sparse_block_shape", std::vector<int64_t>{1, 8});
    EXPECT_THAT(message(sparse({{"0", {}}}), pruned.model, wide), HasSubstr("1×8 do not run on qnnpack"));
    const Module prepared = prepare(pruned.model, {{"0", QConfig{}}});
    EXPECT_THAT(message(sparse_quantized_static_mapping(), prepared, layer0), HasSubstr("no values were seen"));
    run(prepared, at::full({1, 4}, std::numeric_limits<float>::quiet_NaN()));
    EXPECT_THAT(message(sparse_quantized_static_mapping(), prepared, layer0), HasSubstr("nan"));
    const at::Tensor shifted = at::quantize_per_tensor(at::randn({4, 4}), 0.1, 1, at::kQInt8);
    EXPECT_THAT(error_of([&] {
                    sparse_quantized_dynamic_linear(shifted, {}, false, {1, 4});
                }).what(),
                HasSubstr("zero point is not 0"));
}

/// Upstream's mock that a Linear is to become.
Module mock_sparse_linear(const LayerToConvert& layer) {
    Module module(c10::QualifiedName("__torch__.MockSparseLinear"));
    module.register_parameter("weight", layer.module.attr("weight").toTensor(), false);
    module.define("def forward(self, x: Tensor) -> Tensor:\n    return torch.linear(x, self.weight)\n");
    return module;
}

TEST(TestBaseSparsifier, convert) {
    testing_support::ZeroRow rule;
    const Module model = script_simple_linear();
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(model, SparsifyConfig{{.tensor_fqn = "seq.0.weight"}, {.tensor_fqn = "linear2.weight"}});
    sparsifier.step();
    const at::Tensor input = at::randn({3, 7}), expected = run(model, input);
    const std::vector<MaskedLayer> masked = masked_layers(sparsifier);
    const Module changed = convert(model, masked, ConversionMapping{{"Linear", mock_sparse_linear}});
    for (const char* fqn : {"seq.0", "linear2"}) EXPECT_EQ(type_at(changed, fqn), "MockSparseLinear");
    for (const char* fqn : {"seq.1", "seq.2", "linear1"}) EXPECT_EQ(type_at(changed, fqn), "Linear");
    for (const char* fqn : {"seq.0", "linear2"}) EXPECT_EQ(type_at(model, fqn), "Linear") << "the original";
    EXPECT_TRUE(run(changed, input).equal(expected));
    EXPECT_TRUE(run(model, input).equal(expected));
    for (const char* fqn : {"seq.0.weight", "linear1.weight"})
        EXPECT_FALSE(fqn_to_tensor(changed, fqn).is_same(fqn_to_tensor(model, fqn))) << "a deep copy";
    sparsifier.squash_mask();
    EXPECT_TRUE(run(changed, input).equal(expected));

    EXPECT_THAT(error_of([&] { convert(model, masked, std::nullopt); }).what(), HasSubstr("no mapping"));
    EXPECT_EQ(type_at(convert(model, masked, ConversionMapping{{"Conv2d", mock_sparse_linear}}), "seq.0"), "Linear")
        << "a class that the mapping lacks";
    EXPECT_EQ(error_of([&] {
                  convert(model, {{"seq.9", {}}}, ConversionMapping{{"Linear", mock_sparse_linear}});
              }).where(),
              "seq.9");
}

TEST(TestBaseSparsifier, convert_never_the_root) {
    testing_support::ZeroRow rule;
    const Module root = script_linear(4, 4, false);
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(root, SparsifyConfig{{.tensor_fqn = "weight"}});
    const Module changed = convert(root, masked_layers(sparsifier), ConversionMapping{{"Linear", mock_sparse_linear}});
    EXPECT_EQ(type_name(changed), "Linear");
}

TEST(TestBaseSparsifier, convert_keeps_hooks) {
    Module model = torch::jit::load(LACUNA_TEST_DATA "/torch/quantized/fixtures/many.pt");
    testing_support::ZeroRow rule;
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(model, SparsifyConfig{{.tensor_fqn = "hooked.weight"}});
    sparsifier.step();
    const auto make = [](const LayerToConvert& layer) {
        Module module(c10::QualifiedName("__torch__.WithBias"));
        module.register_parameter("weight", layer.module.attr("weight").toTensor(), false);
        module.register_parameter("bias", layer.module.attr("bias").toTensor(), false);
        module.define("def forward(self, x: Tensor) -> Tensor:\n    return torch.linear(x, self.weight, self.bias)\n");
        return module;
    };
    const Module changed = convert(model, masked_layers(sparsifier), ConversionMapping{{"Linear", make}});
    const at::Tensor input = at::randn({2, 6});
    EXPECT_EQ(type_at(changed, "hooked"), "WithBias");
    EXPECT_EQ(fqn_to_module(changed, "hooked")->type()->getForwardHooks().size(), 1u);
    EXPECT_TRUE(run(changed, input).equal(run(model, input))) << "the hook adds one";
}

TEST(TestBaseSparsifier, sparse_params_are_passed_on) {
    OnePruned pruned;
    EXPECT_TRUE(masked_layers(pruned.sparsifier).at(0).sparse_params.has("sparsity_level")) << "all, until squashed";
    pruned.squash();
    const std::vector<MaskedLayer> layers = masked_layers(pruned.sparsifier);
    ASSERT_EQ(layers.size(), 1u);
    EXPECT_EQ(layers[0].fqn, "0");
    EXPECT_EQ(layers[0].sparse_params, layer0.sparse_params);
    const Module changed = convert(pruned.model, layers, sparse_quantized_dynamic_mapping({{"0", QConfig{}}}));
    EXPECT_EQ(type_at(changed, "0"), "SparseQuantizedDynamicLinear");
}

}  // namespace
}  // namespace lacuna
