#include "engine/torch/module_fqn.h"

#include <gtest/gtest.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/modules/rnn.h>
#include <torch/script.h>

#include <functional>

#include "engine/torch/module_tree.h"
#include "tests/torch/modules.h"

namespace lacuna {
namespace {

using testing_support::linear;

std::shared_ptr<torch::nn::Module> conv(int64_t in, int64_t out, bool bias) {
    return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).bias(bias)).ptr();
}

/// Children called "0", "1", …: Sequential cannot hold another Sequential, and nothing here is run.
struct Nest : torch::nn::Module {
    Nest(std::initializer_list<std::shared_ptr<torch::nn::Module>> children) {
        for (const auto& child : children) register_module(std::to_string(this->children().size()), child);
    }
};

template <class... Modules>
std::shared_ptr<torch::nn::Module> nest(const Modules&... modules) {
    return std::shared_ptr<Nest>(new Nest{modules...});
}

/// Its parameters are the root's own.
struct Functional : torch::nn::Module {
    Functional() {
        register_parameter("weight", at::ones({5, 5}));
        register_parameter("bias", at::ones({5}));
    }
};

/// Models as upstream's: plain, with biases, activations, convolutions, recurrent, functional.
std::vector<std::shared_ptr<torch::nn::Module>> models() {
    const auto line = [](int64_t in, int64_t out, bool bias = false) { return linear(in, out, bias).ptr(); };
    const auto relu = [] { return torch::nn::ReLU().ptr(); };
    const auto tanh = [] { return torch::nn::Tanh().ptr(); };
    const auto lstm = [](int64_t layers) {
        return torch::nn::LSTM(torch::nn::LSTMOptions(8, 8).num_layers(layers)).ptr();
    };
    const auto norm = torch::nn::LayerNorm(torch::nn::LayerNormOptions({8})).ptr();
    return {std::make_shared<testing_support::SimpleLinear>(),
            nest(nest(line(7, 5, true), line(5, 6), line(6, 3, true), line(3, 3, true)), line(3, 10)),
            nest(nest(line(7, 5, true), relu(), line(5, 6), tanh(), line(6, 4, true)), line(4, 3, true), relu()),
            nest(nest(conv(1, 32, false), conv(32, 64, false)), conv(64, 48, false), conv(48, 52, false)),
            nest(nest(conv(1, 32, true), conv(32, 32, true)), conv(32, 64, true), conv(64, 52, false)),
            nest(lstm(2), line(8, 1)),
            nest(lstm(1), norm, line(8, 1)),
            std::make_shared<Functional>()};
}

TEST(TestSparsityUtilFunctions, module_to_fqn) {
    for (const auto& model : models()) {
        const auto all = model->named_modules();
        for (const auto& item : all) EXPECT_EQ(module_to_fqn(*model, *item.value()), item.key());
    }
}

TEST(TestSparsityUtilFunctions, module_to_fqn_fail) {
    const auto foreign = linear(2, 2);
    for (const auto& model : models()) EXPECT_EQ(module_to_fqn(*model, *foreign), std::nullopt);
}

TEST(TestSparsityUtilFunctions, module_to_fqn_root) {
    for (const auto& model : models()) EXPECT_EQ(module_to_fqn(*model, *model), "");
}

TEST(TestSparsityUtilFunctions, fqn_to_module) {
    for (const auto& model : models())
        for (const auto& item : model->named_modules())
            EXPECT_EQ(fqn_to_module(*model, item.key()), item.value().get());
}

TEST(TestSparsityUtilFunctions, fqn_to_module_fail) {
    for (const auto& model : models()) {
        // Upstream gives whatever attribute is there: 3 for in_features.
        for (const char* fqn : {"foo.bar.baz", "seq.", ".", "0.in_features", "0.0.in_features", "linear1.in_features",
                                "linear1.options", "linear1.weight.data"}) {
            EXPECT_EQ(fqn_to_module(*model, fqn), nullptr) << fqn;
            EXPECT_FALSE(fqn_to_tensor(*model, fqn).defined()) << fqn;
        }
    }
}

TEST(TestSparsityUtilFunctions, fqn_to_module_for_tensors) {
    for (const auto& model : models())
        for (const auto& item : model->named_parameters())
            EXPECT_TRUE(fqn_to_tensor(*model, item.key()).is_same(item.value())) << item.key();
}

TEST(TestSparsityUtilFunctions, get_arg_info_from_tensor_fqn) {
    for (const auto& model : models()) {
        for (const auto& item : model->named_parameters()) {
            const ArgInfo info = get_arg_info_from_tensor_fqn(*model, item.key());
            ASSERT_NE(info.module, nullptr) << item.key();
            EXPECT_EQ(join_fqn(info.module_fqn, info.tensor_name), item.key());
            EXPECT_EQ(info.tensor_fqn, item.key());
            EXPECT_EQ(module_to_fqn(*model, *info.module), info.module_fqn);
            EXPECT_TRUE(info.module->named_parameters(false)[info.tensor_name].is_same(item.value()));
        }
    }
}

TEST(TestSparsityUtilFunctions, get_arg_info_from_tensor_fqn_fail) {
    for (const auto& model : models()) {
        const ArgInfo info = get_arg_info_from_tensor_fqn(*model, "foo.bar.baz");
        EXPECT_EQ(info.module, nullptr);
        EXPECT_EQ(info.module_fqn, "foo.bar");
        EXPECT_EQ(info.tensor_name, "baz");
        EXPECT_EQ(info.tensor_fqn, "foo.bar.baz");
    }
}

TEST(TestSparsityUtilFunctions, torchscript_modules_too) {
    const auto model = torch::jit::load(LACUNA_RESOURCES "/demo/digits_transformer.pt");
    size_t modules = 0;
    for (const auto& item : model.named_modules()) {
        EXPECT_EQ(module_to_fqn(model, item.value), item.name);
        const auto found = fqn_to_module(model, item.name);
        ASSERT_TRUE(found) << item.name;
        EXPECT_EQ(found->_ivalue(), item.value._ivalue());
        ++modules;
    }
    EXPECT_GT(modules, 30u);
    for (const char* fqn : {"blocks.9", "blocks.0.training", "training", "blocks.0.attention.query.weight"})
        EXPECT_FALSE(fqn_to_module(model, fqn)) << fqn;
    EXPECT_FALSE(fqn_to_tensor(model, "blocks.0.training").defined());
    EXPECT_TRUE(fqn_to_tensor(model, "blocks.0.attention.query.weight")
                    .is_same(model.attr("blocks")
                                 .toModule()
                                 .attr("0")
                                 .toModule()
                                 .attr("attention")
                                 .toModule()
                                 .attr("query")
                                 .toModule()
                                 .attr("weight")
                                 .toTensor()));
}

}  // namespace
}  // namespace lacuna
