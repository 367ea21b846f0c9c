// What torch.ao.pruning's structured pruners get wrong or refuse though it is exact (docs/parity.md).

#include <ATen/ops/linear.h>

#include "engine/base/error.h"
#include "engine/torch/masked_tensor.h"
#include "engine/torch/structured/shrink.h"
#include "engine/torch/structured/structured_pruner.h"
#include "tests/support/problem_of.h"
#include "tests/torch/structured/nets.h"

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace testing_support;
using torch::jit::Module;
using Sizes = std::vector<int64_t>;

const RowMock row_one(RowMock::Kind::row_one), third(RowMock::Kind::third);

SparsifyConfig config_of(std::initializer_list<const char*> tensors) {
    SparsifyConfig config;
    for (const char* fqn : tensors) config.push_back({.tensor_fqn = fqn});
    return config;
}

std::vector<std::string> names_of(const Module& model) {
    std::vector<std::string> names;
    for (const auto& parameter : model.named_parameters()) names.push_back(parameter.name);
    return names;
}

/// Two layers with biases that are as wide as they are long, so that a bias could go along the wrong dimension.
Module square_layers() {
    return Net().linear("a", 4, 4, true).linear("b", 4, 4, true).chain({"a", "torch.relu(x)", "b"});
}

// Upstream adds the bias along dimension 1: N×T×C raises, or is wrong where T is C; without a batch it fails.
TEST(StructuredPruner, biases_go_along_the_features) {
    for (const Sizes& shape : {Sizes{2, 3, 4}, {2, 4, 4}, {4}}) {
        Module model = square_layers();
        const at::Tensor x = random_input(shape), before = run(model, x);
        const at::Tensor weight = parameter_of(model, "a.weight").clone(), bias = parameter_of(model, "a.bias").clone();
        StructuredPruner pruner(row_one);
        pruner.prepare(model, config_of({"a.weight"}));
        EXPECT_TRUE(at::equal(run(model, x), before)) << to_string(shape);
        pruner.step();
        at::Tensor hidden = at::linear(x, weight, bias).relu();
        hidden.select(-1, 1).zero_();
        const at::Tensor masked =
            at::linear(hidden, parameter_of(model, "b.weight"), parameter_of(model, "b.bias")).detach();
        expect_same(masked, run(model, x), to_string(shape));
        expect_same(masked, run(pruner.prune({x}), x), to_string(shape));
    }
}

// Upstream leaves `_bias` and its hook, and a loaded mask of rows, [4], under a FakeSparsity for weights, [4, 4].
TEST(StructuredPruner, states_load_and_nothing_is_left_behind) {
    Module model = square_layers(), other = square_layers();
    const std::vector<std::string> names = names_of(model);
    const at::Tensor x = random_input({3, 4});
    StructuredPruner pruner(third), again(row_one);
    pruner.prepare(model, config_of({"a.weight"}));
    pruner.step();
    again.prepare(other, config_of({"a.weight"}));
    for (int time = 0; time < 2; ++time) again.masks().load_state_dict(pruner.masks().state_dict());
    again.apply_masks();
    expect_same(run(model, x), run(other, x), "the loaded masks hold");
    const Module smaller = again.prune({x});
    expect_same(run(model, x), run(smaller, x));
    EXPECT_EQ(shape_of(smaller, "a.weight"), (Sizes{3, 4}));
    pruner.prune({x});
    for (const Module& left : {model, smaller}) {
        EXPECT_EQ(names_of(left), names);
        for (const auto& module : left.named_modules()) {
            EXPECT_TRUE(module.value.type()->getForwardHooks().empty());
            EXPECT_TRUE(module.value.type()->getForwardPreHooks().empty());
        }
        for (const at::Tensor& parameter : left.parameters()) EXPECT_FALSE(MaskedTensor::is_masked(parameter));
    }
}

// Upstream zeroes the biases of pruned rows in place, for good.
TEST(StructuredPruner, biases_come_back_with_their_rows) {
    Module model = square_layers();
    const at::Tensor bias = parameter_of(model, "a.bias").clone();
    Options half;
    half.set("score", std::string("original"));
    StructuredPruner pruner(sparsifier("saliency"), half);
    pruner.prepare(model, config_of({"a.weight"}));
    for (const int64_t large : {0, 2}) {  // rows large and large + 1 are kept
        at::Tensor weight = at::full({4, 4}, 0.1);
        weight.slice(0, large, large + 2).fill_(9);
        pruner.masks().set_original("a.weight", weight);
        pruner.step();
        at::Tensor expected = bias.clone();
        expected.slice(0, 2 - large, 4 - large).zero_();
        EXPECT_TRUE(at::equal(parameter_of(model, "a.bias"), expected)) << large;
    }
}

// Upstream: off by .066 where a layer that drops its biases follows one that passes them on.
TEST(StructuredPruner, biases_dropped_after_biases_passed_on) {
    Module model =
        Net().linear("a", 5, 6, true).linear("b", 6, 6, true).linear("c", 6, 3).chain({"a", "torch.tanh(x)", "b", "c"});
    empty_rows(model, "a.weight", {1, 2});
    empty_rows(model, "b.weight", {0, 4});
    empty_rows(model, "b.bias", {0, 4});
    const at::Tensor x = random_input({7, 5});
    const Module smaller = structured::shrink(model, {x}, false).module;
    EXPECT_EQ(shape_of(smaller, "b.weight"), (Sizes{4, 4}));
    expect_same(run(model, x), run(smaller, x));
}

// Upstream: off by .04 where nothing was run between prepare and prune.
TEST(StructuredPruner, nothing_need_run_before_prune) {
    Module model = Net().conv2d("a", 1, 6, true).conv2d("b", 6, 4, true, ", [1, 1], [1, 1]").chain({"a", "b"});
    StructuredPruner pruner(third);
    pruner.prepare(model, config_of({"a.weight"}));
    pruner.step();
    const at::Tensor x = random_input({2, 1, 8, 8});
    const Module smaller = pruner.prune({x});
    EXPECT_EQ(shape_of(smaller, "a.weight"), (Sizes{4, 1, 3, 3}));
    expect_same(run(model, x), run(smaller, x));
}

// Upstream: the last layer loses its bias, or crashes, where biases are passed on; act→output it refuses.
TEST(StructuredPruner, outputs_are_narrowed_with_their_biases) {
    for (const bool prune_bias : {true, false})
        for (const bool activated : {true, false}) {
            std::vector<std::string> steps{"a", "b"};
            if (activated) steps.push_back("torch.relu(x)");
            Module model = Net().linear("a", 4, 5, true).linear("b", 5, 4, true).chain(steps);
            StructuredPruner pruner(row_one, {}, {.prune_bias = prune_bias, .narrow_outputs = true});
            pruner.prepare(model, config_of({"b.weight"}));
            pruner.step();
            const at::Tensor x = random_input({3, 4}), masked = run(model, x);
            const Module smaller = pruner.prune({x});
            EXPECT_EQ(shape_of(smaller, "b.weight"), (Sizes{3, 5}));
            EXPECT_TRUE(at::equal(parameter_of(smaller, "b.bias"),
                                  parameter_of(model, "b.bias").index_select(0, at::tensor({0, 2, 3}))));
            expect_same(masked.index_select(1, at::tensor({0, 2, 3})), run(smaller, x));
        }
}

struct Pattern {
    const char* name;
    Module model;
    Sizes input;
};

/// Layer "a" and what comes between it and the layer that takes it: all refused or broken upstream, all exact.
std::vector<Pattern> patterns() {
    const auto conv1d = [](Net& net, const char* name, int64_t in, int64_t out) {
        net.layer(name, "Conv1d", {{"weight", net.weight({out, in, 3})}, {"bias", at::Tensor()}},
                  "torch.conv1d(x, self.weight, self.bias)");
    };
    std::vector<Pattern> all;
    const auto add = [&](const char* name, Module model, Sizes input) {
        all.push_back({name, std::move(model), std::move(input)});
    };
    const Sizes image{2, 3, 8, 8}, rows{5, 4};
    add("batch norm",
        Net().conv2d("a", 3, 6).batch_norm("n", 6).conv2d("b", 6, 4).chain({"a", "n", "torch.relu(x)", "b"}), image);
    add("dropout", Net().linear("a", 4, 6, true).linear("b", 6, 3).chain({"a", "torch.dropout(x, 0.5, False)", "b"}),
        rows);
    add("identity",
        Net().linear("a", 4, 6, true).layer("i", "Identity", {}, "x").linear("b", 6, 3).chain({"a", "i", "b"}), rows);
    add("functions", Net().linear("a", 4, 6, true).linear("b", 6, 3).chain({"a", "torch.relu(x)", "x.relu()", "b"}),
        rows);
    add("pool", Net().conv2d("a", 3, 6, true).conv2d("b", 6, 4).chain({"a", "torch.max_pool2d(x, [2, 2])", "b"}),
        image);
    add("activation and adaptive pool",
        Net()
            .conv2d("a", 3, 6, true)
            .linear("b", 24, 4)
            .chain({"a", "torch.relu(x)", "torch.adaptive_avg_pool2d(x, [2, 2])", "torch.flatten(x, 1)", "b"}),
        image);
    add("flatten without a pool",
        Net().conv2d("a", 3, 6, true).linear("b", 6 * 36, 4).chain({"a", "x.flatten(1)", "b"}), image);
    add("pool and flatten without a bias",
        Net()
            .conv2d("a", 3, 6)
            .linear("b", 6 * 9, 4, true)
            .chain({"a", "torch.max_pool2d(x, [2, 2])", "torch.flatten(x, 1)", "b"}),
        image);
    Net one;
    conv1d(one, "a", 4, 6);
    conv1d(one, "b", 6, 3);
    add("Conv1d", one.chain({"a", "torch.relu(x)", "b"}), {2, 4, 12});
    Net slopes;
    slopes.conv2d("a", 3, 6, true).layer("p", "PReLU", {{"weight", slopes.random({6})}}, "torch.prelu(x, self.weight)");
    add("PReLU of every channel", slopes.conv2d("b", 6, 4).chain({"a", "p", "b"}), image);
    add("padding 'same'", Net().conv2d("a", 3, 6).conv2d("b", 6, 4, true, ", [1, 1], \"same\"").chain({"a", "b"}),
        image);
    add("padding by reflection",
        Net().conv2d("a", 3, 6, true).conv2d("b", 6, 4).chain({"a", "torch.reflection_pad2d(x, [1, 1, 1, 1])", "b"}),
        image);
    add("sum", Net().linear("a", 4, 6, true).linear("b", 6, 3).chain({"a", "x + torch.relu(x)", "b"}), rows);
    return all;
}

TEST(SmallerModels, patterns_that_upstream_refuses_or_breaks) {
    for (Pattern& pattern : patterns()) {
        SCOPED_TRACE(pattern.name);
        empty_rows(pattern.model, "a.weight", {1, 4});
        const at::Tensor x = random_input(pattern.input);
        const int64_t columns = shape_of(pattern.model, "b.weight")[1];
        const auto result = structured::shrink(pattern.model, {x}, false);
        EXPECT_THAT(result.notes, IsEmpty());
        EXPECT_EQ(shape_of(result.module, "a.weight")[0], 4);
        EXPECT_EQ(shape_of(result.module, "b.weight")[1], columns / 6 * 4);
        expect_same(run(pattern.model, x), run(result.module, x));
        expect_same(run(pattern.model, -x), run(result.module, -x), "another input");
    }
}

// Upstream: an IndexError. Groups with channels of their own leave (batch_norm_depthwise_and_concatenation).
TEST(SmallerModels, groups_of_several_channels_keep_them) {
    Module model =
        Net().conv2d("a", 3, 6, true).conv2d("b", 6, 4, true, ", [1, 1], [0, 0], [1, 1], 2", 3, 2).chain({"a", "b"});
    empty_rows(model, "a.weight", {1, 4});
    const std::string problem = problem_of([&] { structured::shrink(model, {random_input({2, 3, 8, 8})}, false); });
    EXPECT_THAT(problem, HasSubstr("a.weight: 2 of 2 pruned rows stay: conv2d (b) needs all of its channels"));
    EXPECT_EQ(shape_of(model, "a.weight"), (Sizes{6, 3, 3, 3}));
}

/// LSTM → Linear with the tensors that torch.nn.LSTM has under these options.
Module lstm(bool biases, bool bidirectional, const std::string& between = "y") {
    Net net;
    std::vector<std::pair<std::string, at::Tensor>> tensors;
    std::string list;
    const int64_t size = 4, directions = bidirectional ? 2 : 1;
    for (int64_t i = 0; i < directions; ++i)
        for (const char* name : {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}) {
            const bool weight = std::string(name).starts_with("weight");
            if (!weight && !biases) continue;
            const std::string own = name + std::string(i == 0 ? "" : "_reverse");
            tensors.emplace_back(own, weight ? net.random({4 * size, size}) : net.random({4 * size}));
            list += (list.empty() ? "self." : ", self.") + own;
        }
    const std::string zeros =
        "torch.zeros([" + std::to_string(directions) + ", x.size(1), " + std::to_string(size) + "])";
    net.layer("lstm", "LSTM", tensors,
              "torch.lstm(x, [" + zeros + ", " + zeros + "], [" + list + "], " + (biases ? "True" : "False") +
                  ", 1, 0., False, " + (bidirectional ? "True" : "False") + ", False)");
    net.linear("linear", size * directions, 3, true);
    return net.forward("y, h, c = lstm(x)\nreturn linear(" + between + ")");
}

const RowMock lower_half(RowMock::Kind::lower_half_of_gates);

// Upstream has no name but `weight` for a layer's tensor: an LSTM in the model is an AttributeError.
TEST(StructuredPruner, no_configuration_takes_in_lstm_layers) {
    Module model = lstm(true, false);
    StructuredPruner pruner(lower_half, {}, {.prune_bias = true});
    pruner.prepare(model);
    std::vector<std::string> prepared;
    for (const SparsifyGroup& group : pruner.masks().groups()) prepared.push_back(group.tensor_fqn);
    EXPECT_THAT(prepared, testing::UnorderedElementsAre("lstm.weight_ih_l0", "lstm.weight_hh_l0", "linear.weight"));
}

// Upstream raises on all of these.
TEST(Lstm, without_biases_and_in_both_directions) {
    for (const bool biases : {true, false})
        for (const bool bidirectional : {true, false}) {
            SCOPED_TRACE(std::to_string(biases) + std::to_string(bidirectional));
            Module model = lstm(biases, bidirectional);
            SparsifyConfig config = config_of({"lstm.weight_ih_l0", "lstm.weight_hh_l0"});
            if (bidirectional)
                for (const char* more : {"lstm.weight_ih_l0_reverse", "lstm.weight_hh_l0_reverse"})
                    config.push_back({.tensor_fqn = more});
            StructuredPruner pruner(lower_half);
            pruner.prepare(model, config);
            pruner.step();
            const at::Tensor x = random_input({5, 2, 4}), masked = run(model, x);
            const Module smaller = pruner.prune({x});
            EXPECT_EQ(shape_of(smaller, "lstm.weight_hh_l0"), (Sizes{8, 2}));
            EXPECT_EQ(shape_of(smaller, "linear.weight"), (Sizes{3, bidirectional ? 4 : 2}));
            expect_same(masked, run(smaller, x));
        }
}

TEST(Lstm, before_a_layer_norm_without_weights) {
    Module model = lstm(true, false, "torch.layer_norm(y, [4])");
    StructuredPruner pruner(lower_half);
    pruner.prepare(model, config_of({"lstm.weight_ih_l0", "lstm.weight_hh_l0"}));
    pruner.step();
    const at::Tensor x = random_input({5, 2, 4}), masked = run(model, x);
    const Module smaller = pruner.prune({x});
    EXPECT_EQ(shape_of(smaller, "linear.weight"), (Sizes{3, 2}));
    expect_same(masked, run(smaller, x));
}

TEST(Lstm, what_is_not_exact_is_refused_untouched) {
    const auto refused = [](const Module& model, const SparsifyConfig& config) {
        StructuredPruner pruner(lower_half);
        pruner.prepare(model, config);
        pruner.step();
        const at::Tensor x = random_input({5, 2, 4}), masked = run(model, x);
        const std::string problem = problem_of([&] { pruner.prune({x}); });
        EXPECT_EQ(shape_of(model, "lstm.weight_hh_l0"), (Sizes{16, 4}));
        EXPECT_TRUE(at::equal(run(model, x), masked));
        return problem;
    };
    const char* cell = "only without weights and bias in its cell gate";
    EXPECT_THAT(refused(lstm(true, false), config_of({"lstm.weight_ih_l0"})), HasSubstr(cell));
    EXPECT_THAT(refused(lstm(true, false), config_of({"lstm.weight_hh_l0"})), HasSubstr(cell));
    EXPECT_THAT(refused(lstm(true, false, "torch.relu(torch.layer_norm(y, [4]))"),
                        config_of({"lstm.weight_ih_l0", "lstm.weight_hh_l0"})),
                HasSubstr("layer_norm needs all"));
}

}  // namespace
}  // namespace lacuna
