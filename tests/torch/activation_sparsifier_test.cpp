#include "engine/torch/activation_sparsifier.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <sstream>

#include "engine/base/error.h"
#include "engine/torch/module_fqn.h"
#include "tests/support/error_of.h"
#include "tests/torch/scripts.h"

// Upstream's test of the activation sparsifier, then one test for each of its faults (docs/parity.md).

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing_support::error_of;
using testing_support::layer;
using testing_support::scripted;

torch::jit::Module convolution(int64_t in, int64_t out) {
    return scripted("Conv2d", "def forward(self, x):\n    return torch.conv2d(x, self.weight, self.bias)\n",
                    {{"weight", at::randn({out, in, 3, 3}) / 3}, {"bias", at::randn({out})}});
}

/// Upstream's: two convolutions, each with a max pool after it, and two linear layers.
torch::jit::Module network() {
    torch::jit::Module model("Model");
    model.register_module("conv1", convolution(1, 32));
    model.register_module("conv2", convolution(32, 32));
    model.register_module("linear1", layer(at::randn({128, 4 * 4 * 32}) / 20));
    model.register_module("linear2", layer(at::randn({10, 128}) / 10));
    model.define(
        "def forward(self, x):\n"
        "    x = torch.relu(torch.max_pool2d(self.conv1.forward(x), [3, 3], [2, 2]))\n"
        "    x = torch.relu(torch.max_pool2d(self.conv2.forward(x), [3, 3], [2, 2]))\n"
        "    return self.linear2.forward(torch.relu(self.linear1.forward(torch.flatten(x, 1))))\n");
    return model;
}

at::Tensor sum(const at::Tensor& gathered, const at::Tensor& input) {
    return gathered + input;
}
at::Tensor mean_of_batch(const at::Tensor& gathered) {
    return gathered.mean(0);
}
/// Keeps what is above the option `threshold`.
at::Tensor above(const at::Tensor& reduced, const Options& config) {
    return reduced.gt(config.has("threshold") ? config.number("threshold") : 0.0).to(reduced.scalar_type());
}

Options threshold(double value) {
    Options options;
    options.set("threshold", value);
    return options;
}

ActivationConfig standard() {
    return {sum, mean_of_batch, above, {}, {}, {}};
}

ActivationConfig of_features(std::vector<std::vector<int64_t>> features, int64_t dim) {
    return {{}, {}, {}, std::move(features), dim, {}};
}

const ActivationLayer& named(const std::vector<ActivationLayer>& layers, const std::string& name) {
    for (const ActivationLayer& layer : layers)
        if (layer.name == name) return layer;
    throw std::out_of_range(name);
}

void expect_equal(const std::vector<at::Tensor>& left, const std::vector<at::Tensor>& right) {
    ASSERT_EQ(left.size(), right.size());
    for (size_t i = 0; i < left.size(); ++i) {
        EXPECT_EQ(left[i].is_sparse(), right[i].is_sparse());
        EXPECT_TRUE(at::equal(left[i].is_sparse() ? left[i].to_dense() : left[i],
                              right[i].is_sparse() ? right[i].to_dense() : right[i]));
    }
}

void expect_round_trip(const ActivationSparsifier& source, const torch::jit::Module& model) {
    const ActivationState state = source.state_dict();
    for (const ActivationLayer& layer : state.layers)
        for (const at::Tensor& mask : layer.masks) EXPECT_TRUE(mask.is_sparse()) << layer.name;
    ActivationSparsifier target(model);
    target.load_state_dict(state);
    target.load_state_dict(state);
    const ActivationState loaded = target.state_dict();
    EXPECT_EQ(loaded.defaults.sparse_config, state.defaults.sparse_config);
    EXPECT_EQ(loaded.defaults.features, state.defaults.features);
    EXPECT_EQ(loaded.defaults.feature_dim, state.defaults.feature_dim);
    EXPECT_EQ(bool(loaded.defaults.aggregate_fn), bool(state.defaults.aggregate_fn));
    ASSERT_EQ(loaded.layers.size(), state.layers.size());
    for (size_t i = 0; i < loaded.layers.size(); ++i) {
        const ActivationLayer &ours = loaded.layers[i], &theirs = state.layers[i];
        EXPECT_EQ(ours.name, theirs.name);
        EXPECT_EQ(ours.hook, theirs.hook);
        EXPECT_EQ(ours.config.features, theirs.config.features);
        EXPECT_EQ(ours.config.feature_dim, theirs.config.feature_dim);
        EXPECT_EQ(ours.config.sparse_config, theirs.config.sparse_config);
        expect_equal(ours.masks, theirs.masks);
        ASSERT_EQ(ours.data.size(), theirs.data.size());
        for (size_t f = 0; f < ours.data.size(); ++f) expect_equal(ours.data[f], theirs.data[f]);
    }
    if (state.layers[0].hook != ActivationHook::sparsify) return;
    const at::Tensor x = at::randn({4, 1, 28, 28});
    EXPECT_TRUE(at::equal(target.forward({x}).toTensor(), source.forward({x}).toTensor()))
        << "it goes on as the source";
}

TEST(TestActivationSparsifier, activation_sparsifier) {
    torch::jit::Module model = network();
    const std::string code = model.dump_to_str(true, false, false);
    ActivationConfig defaults = standard();
    defaults.sparse_config = threshold(0);
    ActivationSparsifier sparsifier(model, defaults);
    const at::NoGradGuard no_grad;

    // Registration: what a layer says holds, the rest comes from the defaults.
    ActivationConfig own;
    own.sparse_config = threshold(0.25);
    const std::vector<std::vector<int64_t>> channels{{0}, {10}, {20}};
    sparsifier.register_layer("conv1");
    sparsifier.register_layer(*fqn_to_module(model, "linear1"), own);
    sparsifier.register_layer("conv2", of_features(channels, 1));
    ActivationConfig second = of_features({{0, 1}, {5}}, -1);
    second.reduce_fn = [](const at::Tensor& data) { return std::get<0>(data.max(0)); };
    sparsifier.register_layer("linear2", second);
    std::vector<ActivationLayer> layers = sparsifier.layers();
    ASSERT_THAT(layers, SizeIs(4));
    EXPECT_EQ(named(layers, "conv1").config.sparse_config, threshold(0));
    EXPECT_EQ(named(layers, "linear1").config.sparse_config, threshold(0.25));
    EXPECT_EQ(named(layers, "conv2").config.features, channels);
    EXPECT_EQ(named(layers, "linear2").config.feature_dim, -1);
    for (const ActivationLayer& each : layers) {
        EXPECT_EQ(each.hook, ActivationHook::aggregate);
        EXPECT_EQ(error_of([&] { sparsifier.get_mask(each.name); }).kind(), ErrorKind::state);
    }
    expect_round_trip(sparsifier, model);

    // Five batches: what is gathered is their aggregate; the mask is ones until the step.
    HookedModule watched(model);
    std::map<std::string, std::vector<at::Tensor>> inputs;
    for (const char* name : {"conv1", "conv2", "linear1", "linear2"})
        watched.before(name, [&inputs, name](c10::IValue& x) { inputs[name].push_back(x.toTensor().clone()); });
    for (int i = 0; i < 5; ++i) {
        const at::Tensor x = at::randn({16, 1, 28, 28});
        EXPECT_TRUE(at::equal(sparsifier.forward({x}).toTensor(), model.forward({x}).toTensor()));
        watched.forward({x});
    }
    layers = sparsifier.layers();
    const auto total = [&](const std::string& name) {
        at::Tensor all = inputs[name][0];
        for (size_t i = 1; i < 5; ++i) all = all + inputs[name][i];
        return all;
    };
    for (const char* name : {"conv1", "linear1"}) {
        ASSERT_THAT(named(layers, name).data, SizeIs(1));
        EXPECT_TRUE(at::equal(named(layers, name).data[0].at(0), total(name)));
        EXPECT_TRUE(at::equal(sparsifier.get_mask(name).at(0), at::ones_like(total(name))));
    }
    ASSERT_THAT(named(layers, "conv2").data, SizeIs(3));
    EXPECT_TRUE(at::equal(named(layers, "conv2").data[1].at(0), total("conv2").slice(1, 10, 11)));
    EXPECT_TRUE(at::equal(named(layers, "linear2").data.at(0).at(0), total("linear2").slice(1, 0, 2)));
    expect_round_trip(sparsifier, model);

    // The step: mask_fn(reduce_fn(data), sparse_config); the data are dropped.
    sparsifier.step();
    const auto expected = [&](const char* name, size_t feature) {
        const ActivationLayer& each = named(layers, name);
        return above(each.config.reduce_fn(each.data.at(feature).at(0)), each.config.sparse_config);
    };
    EXPECT_TRUE(at::equal(sparsifier.get_mask("conv1").at(0), expected("conv1", 0)));
    EXPECT_TRUE(at::equal(sparsifier.get_mask("linear1").at(0), expected("linear1", 0)));
    for (size_t f = 0; f < 3; ++f) EXPECT_TRUE(at::equal(sparsifier.get_mask("conv2").at(f), expected("conv2", f)));
    for (size_t f = 0; f < 2; ++f) EXPECT_TRUE(at::equal(sparsifier.get_mask("linear2").at(f), expected("linear2", f)));
    EXPECT_LT(sparsifier.get_mask("conv1").at(0).sum().item<float>(), 784);
    for (const ActivationLayer& each : sparsifier.layers()) EXPECT_THAT(each.data, IsEmpty());
    expect_round_trip(sparsifier, model);

    // Squashed: the layers get x·mask.
    sparsifier.squash_mask();
    HookedModule by_hand(model);
    for (const char* name : {"conv1", "linear1"})
        by_hand.before(name, [&, name](c10::IValue& x) { x = x.toTensor() * sparsifier.get_mask(name).at(0); });
    by_hand.before("conv2", [&](c10::IValue& x) {
        at::Tensor masked = x.toTensor().clone();
        for (size_t f = 0; f < 3; ++f)
            masked.slice(1, channels[f][0], channels[f][0] + 1) *= sparsifier.get_mask("conv2")[f];
        x = masked;
    });
    by_hand.before("linear2", [&](c10::IValue& x) {
        at::Tensor masked = x.toTensor().clone();
        masked.slice(1, 0, 2) *= sparsifier.get_mask("linear2")[0];
        masked.slice(1, 5, 6) *= sparsifier.get_mask("linear2")[1];
        x = masked;
    });
    const at::Tensor x = at::randn({7, 1, 28, 28});
    EXPECT_TRUE(at::equal(sparsifier.forward({x}).toTensor(), by_hand.forward({x}).toTensor()));
    EXPECT_FALSE(at::equal(sparsifier.forward({x}).toTensor(), model.forward({x}).toTensor()));
    expect_round_trip(sparsifier, model);
    EXPECT_EQ(model.dump_to_str(true, false, false), code) << "the user's model is what it was";

    // And the same as plain TorchScript, through a file.
    std::stringstream file;
    sparsifier.masked_model().save(file);
    torch::jit::Module saved = torch::jit::load(file);
    EXPECT_TRUE(at::equal(saved.forward({x}).toTensor(), sparsifier.forward({x}).toTensor()));
    EXPECT_THAT(saved.dump_to_str(true, false, false), testing::Not(HasSubstr("lacuna::")));
}

/// A linear layer over the identity: what goes in comes out.
struct Identity {
    torch::jit::Module model = layer(at::eye(4));
    ActivationSparsifier sparsifier{model, standard()};
    at::Tensor forward(const at::Tensor& x) { return sparsifier.forward({x}).toTensor(); }
};

TEST(TestActivationSparsifier, registering) {
    torch::jit::Module model = network();
    ActivationSparsifier none(model);
    EXPECT_THAT(error_of([&] { none.register_layer("conv1"); }).what(), HasSubstr("conv1: there is no aggregate_fn"));
    ActivationSparsifier sparsifier(model, standard());
    EXPECT_THAT(error_of([&] { sparsifier.register_layer("conv9"); }).what(),
                HasSubstr("conv9: the model has no layer"));
    EXPECT_THAT(error_of([&] { sparsifier.register_layer(layer(at::eye(2))); }).what(),
                HasSubstr("not part of the model"));
    ActivationConfig no_dim;
    no_dim.features = std::vector<std::vector<int64_t>>(1, {0});
    EXPECT_THAT(error_of([&] { sparsifier.register_layer("conv1", no_dim); }).what(), HasSubstr("feature_dim"));
    EXPECT_THAT(error_of([&] {
                    sparsifier.register_layer("conv1", of_features(std::vector<std::vector<int64_t>>(1), 1));
                }).what(),
                HasSubstr("no index"));
    EXPECT_THAT(error_of([&] { sparsifier.register_layer("conv1", of_features({}, 1)); }).what(),
                HasSubstr("no index"));
    EXPECT_THAT(sparsifier.layers(), IsEmpty());
    EXPECT_EQ(error_of([&] { sparsifier.get_mask("conv1"); }).kind(), ErrorKind::argument);
    sparsifier.register_layer("conv1");
    ActivationConfig again;
    again.sparse_config = threshold(3);
    sparsifier.register_layer("conv1", again);
    ASSERT_THAT(sparsifier.layers(), SizeIs(1)) << "registering again replaces";
    EXPECT_EQ(sparsifier.layers()[0].config.sparse_config, threshold(3));
    sparsifier.unregister_layer("conv1");
    EXPECT_THAT(sparsifier.layers(), IsEmpty());
    EXPECT_EQ(error_of([&] { sparsifier.unregister_layer("conv1"); }).kind(), ErrorKind::argument);
}

TEST(TestActivationSparsifier, a_step_without_new_data_keeps_the_mask) {
    Identity at_work;
    at_work.sparsifier.register_layer("");
    at_work.sparsifier.step();
    EXPECT_EQ(error_of([&] { at_work.sparsifier.squash_mask(); }).kind(), ErrorKind::state);
    at_work.forward(at::tensor({1.F, -1.F, 2.F, -2.F}).reshape({1, 4}));
    at_work.sparsifier.step();
    at_work.sparsifier.step();
    EXPECT_TRUE(at::equal(at_work.sparsifier.get_mask("").at(0), at::tensor({1.F, 0.F, 1.F, 0.F})));
}

TEST(TestActivationSparsifier, a_forward_between_step_and_squash_keeps_the_mask) {
    Identity at_work;
    at_work.sparsifier.register_layer("");
    at_work.forward(at::tensor({1.F, -1.F, 2.F, -2.F}).reshape({1, 4}));
    at_work.sparsifier.step();
    at_work.forward(at::ones({1, 4}));
    at_work.sparsifier.squash_mask();
    EXPECT_TRUE(at::equal(at_work.forward(at::ones({2, 4})), at::tensor({1.F, 0.F, 1.F, 0.F}).expand({2, 4})));
}

TEST(TestActivationSparsifier, features_leave_the_callers_tensor_alone_and_take_leaves_with_a_gradient) {
    Identity at_work;
    ActivationConfig config = of_features({{0}, {2}}, 0);
    config.mask_fn = [](const at::Tensor& reduced, const Options&) { return at::zeros_like(reduced); };
    at_work.sparsifier.register_layer("", config);
    at::Tensor x = at::ones({3, 4}).requires_grad_();
    at_work.forward(x);
    at_work.sparsifier.step();
    at_work.sparsifier.squash_mask();
    const at::Tensor y = at_work.forward(x);
    EXPECT_TRUE(at::equal(x, at::ones({3, 4})));
    EXPECT_TRUE(at::equal(y.sum(1), at::tensor({0.F, 4.F, 0.F})));
    y.sum().backward();
    EXPECT_TRUE(at::equal(x.grad().sum(1), at::tensor({0.F, 4.F, 0.F})));
}

TEST(TestActivationSparsifier, a_feature_may_be_several_indices) {
    Identity at_work;
    ActivationConfig config = of_features({{0, 3}, {1}}, 1);
    config.mask_fn = [](const at::Tensor& reduced, const Options&) {
        return reduced.numel() == 2 ? at::tensor({0.F, 5.F}) : at::ones({1});
    };
    at_work.sparsifier.register_layer("", config);
    at_work.forward(at::ones({2, 4}));
    at_work.sparsifier.step();
    at_work.sparsifier.squash_mask();
    EXPECT_TRUE(at::equal(at_work.forward(at::ones({1, 4})), at::tensor({0.F, 1.F, 1.F, 5.F}).reshape({1, 4})));
}

TEST(TestActivationSparsifier, other_inputs_and_keywords_stay) {
    torch::jit::Module model = scripted("Two", "def forward(self, x, y, scale: float):\n    return (x + y) * scale\n");
    ActivationSparsifier sparsifier(model, standard());
    sparsifier.register_layer("");
    const at::Tensor x = at::tensor({1.F, -1.F}).reshape({1, 2}), y = at::ones({1, 2});
    sparsifier.forward({}, {{"y", y}, {"x", x}, {"scale", 2.0}});
    sparsifier.step();
    sparsifier.squash_mask();
    const at::Tensor expected = at::tensor({4.F, 2.F}).reshape({1, 2});
    EXPECT_TRUE(at::equal(sparsifier.forward({x, y, 2.0}).toTensor(), expected));
    EXPECT_TRUE(at::equal(sparsifier.forward({x}, {{"scale", 2.0}, {"y", y}}).toTensor(), expected));
}

TEST(TestActivationSparsifier, gathering_begins_with_the_first_value) {
    Identity at_work;
    ActivationConfig config;
    config.aggregate_fn = [](const at::Tensor& a, const at::Tensor& b) { return at::maximum(a, b); };
    at_work.sparsifier.register_layer("", config);
    at_work.forward(at::full({1, 4}, -3.0));
    at_work.forward(at::full({1, 4}, -2.0));
    EXPECT_TRUE(at::equal(at_work.sparsifier.layers()[0].data[0][0], at::full({1, 4}, -2.0)));
}

TEST(TestActivationSparsifier, a_last_smaller_batch_counts) {
    Identity at_work;
    at_work.sparsifier.register_layer("");
    at_work.forward(at::tensor({1.F, -1.F, 1.F, 1.F}).expand({3, 4}));
    at_work.forward(at::tensor({-9.F, 9.F, 1.F, 1.F}).expand({2, 4}));
    at_work.forward(at::tensor({1.F, -1.F, 1.F, 1.F}).expand({3, 4}));
    at_work.sparsifier.step();
    EXPECT_TRUE(at::equal(at_work.sparsifier.get_mask("").at(0), at::tensor({0.F, 1.F, 1.F, 1.F})));
}

TEST(TestActivationSparsifier, what_is_gathered_holds_no_graph_and_no_memory_of_the_model) {
    Identity at_work;
    at_work.sparsifier.register_layer("");
    at::Tensor x = at::ones({1, 4}).requires_grad_();
    const at::Tensor y = x * 1;
    at_work.forward(y);
    at_work.forward(y);
    EXPECT_FALSE(at_work.sparsifier.layers()[0].data[0][0].requires_grad());
    const at::NoGradGuard no_grad;
    y.zero_();
    EXPECT_TRUE(at::equal(at_work.sparsifier.layers()[0].data[0][0], at::full({1, 4}, 2.0)));
}

TEST(TestActivationSparsifier, squashed_without_a_hook_it_can_be_unregistered) {
    Identity at_work;
    at_work.sparsifier.register_layer("");
    at_work.sparsifier.squash_mask(false);
    EXPECT_EQ(at_work.sparsifier.layers()[0].hook, ActivationHook::none);
    EXPECT_TRUE(at::equal(at_work.forward(at::ones({1, 4})), at::ones({1, 4})));
    EXPECT_THAT(at_work.sparsifier.layers()[0].data, IsEmpty());
    at_work.sparsifier.unregister_layer("");
    EXPECT_THAT(at_work.sparsifier.layers(), IsEmpty());
}

TEST(TestActivationSparsifier, loading_hooks_once_shares_nothing_and_changes_nothing_on_an_error) {
    Identity source;
    source.sparsifier.register_layer("");
    source.forward(at::ones({1, 4}));
    const ActivationState state = source.sparsifier.state_dict();
    Identity target;
    target.sparsifier.load_state_dict(state);
    target.sparsifier.load_state_dict(state);
    target.forward(at::ones({1, 4}));
    EXPECT_TRUE(at::equal(target.sparsifier.layers()[0].data[0][0], at::full({1, 4}, 2.0))) << "counted once";
    EXPECT_TRUE(at::equal(source.sparsifier.layers()[0].data[0][0], at::ones({1, 4})));
    EXPECT_TRUE(at::equal(state.layers[0].data[0][0], at::ones({1, 4})));

    ActivationState wrong = state;
    wrong.layers.push_back(wrong.layers[0]);
    EXPECT_THAT(error_of([&] { target.sparsifier.load_state_dict(wrong); }).what(), HasSubstr("twice"));
    wrong.layers[1].name = "gone";
    EXPECT_THAT(error_of([&] { target.sparsifier.load_state_dict(wrong); }).what(), HasSubstr("gone"));
    wrong.layers.pop_back();
    wrong.layers[0].masks.push_back(at::ones({1}));
    EXPECT_THAT(error_of([&] { target.sparsifier.load_state_dict(wrong); }).what(), HasSubstr("2 masks"));
    EXPECT_TRUE(at::equal(target.sparsifier.layers()[0].data[0][0], at::full({1, 4}, 2.0)));
}

TEST(TestActivationSparsifier, what_does_not_fit_is_said_in_words) {
    Identity at_work;
    const auto fails = [&](const ActivationConfig& config, const char* words) {
        at_work.sparsifier.register_layer("", config);
        EXPECT_THAT(error_of([&] { at_work.forward(at::ones({2, 4})); }).what(), HasSubstr(words));
    };
    fails(of_features({{4}}, 1), "feature 4 is not one of the 4");
    fails(of_features({{0}}, 2), "feature_dim 2 is no dimension");
    ActivationConfig config;
    config.mask_fn = [](const at::Tensor&, const Options&) { return at::ones({3}); };
    at_work.sparsifier.register_layer("", config);
    at_work.forward(at::ones({2, 4}));
    at_work.sparsifier.step();
    at_work.sparsifier.squash_mask();
    EXPECT_THAT(error_of([&] { at_work.forward(at::ones({2, 4})); }).what(), HasSubstr("[3] does not broadcast"));
    torch::jit::Module listed = scripted("Listed", "def forward(self, x: List[Tensor]):\n    return x[0]\n");
    ActivationSparsifier of_list(listed, standard());
    of_list.register_layer("");
    EXPECT_THAT(error_of([&] { of_list.forward({c10::List<at::Tensor>({at::ones({1})})}); }).what(),
                HasSubstr("no tensor"));
}

TEST(TestActivationSparsifier, half_precision_and_modules_of_one_type) {
    torch::jit::Module model("Model");
    torch::jit::Module one = layer(at::eye(2));
    model.register_module("a", one);
    model.register_module("b", one.deepcopy());
    model.define("def forward(self, x):\n    return self.b.forward(self.a.forward(x))\n");
    model.to(at::kHalf);
    ActivationSparsifier sparsifier(model, standard());
    sparsifier.register_layer("b");
    const at::Tensor x = at::tensor({-1.F, 1.F}).reshape({1, 2}).to(at::kHalf);
    sparsifier.forward({x});
    sparsifier.step();
    sparsifier.squash_mask();
    const at::Tensor y = sparsifier.forward({x}).toTensor();
    EXPECT_EQ(y.scalar_type(), at::kHalf);
    EXPECT_TRUE(at::equal(y, at::tensor({0.F, 1.F}).reshape({1, 2}).to(at::kHalf)));
    torch::jit::Module built = sparsifier.masked_model();
    EXPECT_TRUE(at::equal(built.forward({x}).toTensor(), y)) << "a, of the same type, is not masked";
    EXPECT_TRUE(at::equal(model.forward({x}).toTensor(), x));
    EXPECT_FALSE(model.attr("b").toModule().hasattr("lacuna_masks"));
}

}  // namespace
}  // namespace lacuna
