#include "engine/torch/structured/shrink.h"

#include "engine/base/error.h"
#include "engine/torch/structured/compare.h"
#include "engine/torch/structured/structured_pruner.h"
#include "tests/torch/structured/nets.h"

// What can be taken out of models of many kinds, and what is refused.

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using namespace testing_support;
using torch::jit::Module;
using Sizes = std::vector<int64_t>;

/// Takes rows out and compares on two inputs; gives the smaller model.
Module shrunk(const Module& model, const at::Tensor& x) {
    const auto result = structured::shrink(model, {x}, false);
    expect_same(run(model, x), run(result.module, x));
    const at::Tensor other = at::cat({x * 0.7, x.flip(0)}, 0);
    expect_same(run(model, other), run(result.module, other), "another batch");
    return result.module;
}

std::string refusal(const Module& model, const at::Tensor& x) {
    try {
        structured::shrink(model, {x}, false);
    } catch (const Error& error) {
        return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return "";
}

TEST(SmallerModels, a_bias_is_made_where_the_next_layer_has_none) {
    Module model = Net().linear("a", 4, 6, true).linear("b", 6, 3).chain({"a", "torch.sigmoid(x)", "b"});
    empty_rows(model, "a.weight", {1, 4});
    const Module smaller = shrunk(model, random_input({5, 4}));
    EXPECT_EQ(shape_of(smaller, "b.weight"), (Sizes{3, 4}));
    EXPECT_EQ(shape_of(smaller, "b.bias"), (Sizes{3}));
}

TEST(SmallerModels, a_model_that_ran_unoptimised_before) {
    Module inner = Net().linear("deep.a", 4, 6).linear("deep.b", 6, 3).chain({"deep.a", "torch.relu(x)", "deep.b"});
    Module outer("Outer");
    outer.register_module("inner", inner);
    outer.define(
        "def twice(self, x):\n    return self.inner.forward(x) * 2\n"
        "def forward(self, x):\n    return self.twice(x)\n");
    empty_rows(outer, "inner.deep.a.weight", {1, 4});
    const at::Tensor x = random_input({5, 4});
    run(outer, x);  // LibTorch keeps what it made of every method then: not inlined
    EXPECT_EQ(shape_of(shrunk(outer, x), "inner.deep.b.weight"), (Sizes{3, 4}));
}

TEST(SmallerModels, several_consumers_all_lose_their_inputs) {
    // Upstream adapts the first alone and fails in forward.
    Module model = Net()
                       .linear("a", 4, 8, true)
                       .linear("b", 8, 5)
                       .linear("c", 8, 5, true)
                       .forward("x = torch.relu(a(x))\nreturn b(x) + c(x)");
    empty_rows(model, "a.weight", {0, 3, 7});
    const Module smaller = shrunk(model, random_input({5, 4}));
    EXPECT_EQ(shape_of(smaller, "b.weight"), (Sizes{5, 5}));
    EXPECT_EQ(shape_of(smaller, "c.weight"), (Sizes{5, 5}));
}

TEST(SmallerModels, a_layer_used_twice) {
    Module model = Net()
                       .linear("a", 4, 6)
                       .linear("b", 6, 6)
                       .linear("c", 6, 2, true)
                       .forward("x = torch.relu(a(x))\nx = torch.relu(b(x))\nx = torch.relu(b(x))\nreturn c(x)");
    empty_rows(model, "a.weight", {2, 5});
    empty_rows(model, "b.weight", {1, 2});
    const Module smaller = shrunk(model, random_input({5, 4}));
    EXPECT_EQ(shape_of(smaller, "b.weight"), (Sizes{5, 5})) << "row 2 alone is empty both times";
}

TEST(SmallerModels, a_residual_sum_loses_what_both_sides_lose) {
    Module model = Net()
                       .linear("a", 4, 6, true)
                       .linear("b", 6, 6, true)
                       .linear("c", 6, 2)
                       .forward("x = torch.relu(a(x))\nx = x + b(x)\nreturn c(x)");
    empty_rows(model, "a.weight", {1, 2, 3});
    empty_rows(model, "b.weight", {2, 3, 4});
    const auto result = structured::shrink(model, {random_input({5, 4})}, false);
    EXPECT_EQ(shape_of(result.module, "a.weight"), (Sizes{4, 4}));
    EXPECT_EQ(shape_of(result.module, "b.weight"), (Sizes{4, 4}));
    ASSERT_EQ(result.notes.size(), 2u);
    EXPECT_THAT(result.notes[0], HasSubstr("a.weight: 1 of 3 pruned rows stay: add joins them"));
    shrunk(model, random_input({5, 4}));
}

TEST(SmallerModels, batch_norm_depthwise_and_concatenation) {
    Net net;
    Module model = net.conv2d("a", 3, 6, false, "", 1)
                       .batch_norm("n", 6)
                       .conv2d("d", 6, 6, true, ", [1, 1], [0, 0], [1, 1], 6", 3, 6)
                       .conv2d("e", 3, 4, true, "", 3)
                       .conv2d("f", 10, 5, true, "", 1)
                       .forward("y = d(torch.relu(n(a(x))))\nreturn torch.amax(f(torch.cat([y, e(x)], 1)), [2, 3])");
    empty_rows(model, "a.weight", {0, 4});
    empty_rows(model, "e.weight", {1});
    const Module smaller = shrunk(model, random_input({2, 3, 7, 7}));
    EXPECT_EQ(shape_of(smaller, "d.weight"), (Sizes{4, 1, 3, 3}));
    EXPECT_EQ(shape_of(smaller, "n.weight"), (Sizes{4}));
    EXPECT_EQ(shape_of(smaller, "f.weight"), (Sizes{5, 7, 1, 1}));
    for (const auto& buffer : smaller.named_buffers()) EXPECT_EQ(buffer.value.sizes().vec(), (Sizes{4})) << buffer.name;
}

TEST(SmallerModels, a_change_of_type_leaves_channels_where_they_are) {
    Module model = Net().linear("a", 4, 6).linear("b", 6, 3).chain(
        {"a", "torch.relu(x).double().type_as(x)", "x.float()", "x.to(6)", "b"});
    empty_rows(model, "a.weight", {1, 4});
    EXPECT_EQ(shape_of(shrunk(model, random_input({5, 4})), "b.weight"), (Sizes{3, 4}));
}

TEST(SmallerModels, a_transposed_convolution_takes_channels_that_are_zero) {
    Net net;
    net.conv2d("a", 3, 6).layer("up", "ConvTranspose2d",
                                {{"weight", net.random({6, 4, 2, 2})}, {"bias", net.random({4})}},
                                "torch.conv_transpose2d(x, self.weight, self.bias, [2, 2])");
    Module model = net.chain({"a", "torch.relu(x)", "up"});
    empty_rows(model, "a.weight", {0, 1});
    EXPECT_EQ(shape_of(shrunk(model, random_input({2, 3, 6, 6})), "up.weight"), (Sizes{4, 4, 2, 2}));
}

TEST(SmallerModels, a_layer_without_any_weight_keeps_one_channel) {
    Module model = Net().linear("a", 4, 3, true).linear("b", 3, 2).chain({"a", "torch.relu(x)", "b"});
    empty_rows(model, "a.weight", {0, 1, 2});
    EXPECT_EQ(shape_of(shrunk(model, random_input({5, 4})), "b.weight"), (Sizes{2, 1}));
}

TEST(SmallerModels, counts_of_channels_in_a_calculation_keep_them) {
    Module model = Net().linear("a", 4, 6).linear("b", 6, 2).chain({"a", "x / x.size(1)", "b"});
    empty_rows(model, "a.weight", {1});
    EXPECT_THAT(refusal(model, random_input({5, 4})),
                HasSubstr("a.weight: 1 of 1 pruned rows stay: their number is used"));
}

TEST(SmallerModels, refusals_name_layer_and_operation) {
    const auto with = [](const std::string& step) {
        Module model = Net().linear("fc1", 4, 6, true).linear("fc2", 6, 2).chain({"fc1", step, "fc2"});
        empty_rows(model, "fc1.weight", {1, 2});
        return refusal(model, random_input({5, 4}));
    };
    for (const char* operation : {"softmax", "log_softmax", "cumsum", "flip"})
        EXPECT_THAT(
            with("torch." + std::string(operation) + (std::string(operation) == "flip" ? "(x, [1])" : "(x, 1)")),
            HasSubstr("fc1.weight: 2 of 2 pruned rows stay: " + std::string(operation) + " needs all"));
    EXPECT_THAT(with("torch.relu(torch.layer_norm(x, [6]))"), HasSubstr("layer_norm needs all of its channels"));
    EXPECT_THAT(with("x.view(x.size(0), 2, 3).transpose(1, 2).reshape(x.size(0), 6)"), HasSubstr("view needs all"));
    Module model = Net().linear("fc1", 4, 6).chain({"fc1"});
    EXPECT_THAT(refusal(model, random_input({5, 4})), HasSubstr("has no row whose weights are all zero"));
    empty_rows(model, "fc1.weight", {0});
    EXPECT_THAT(refusal(model, random_input({5, 4})), HasSubstr("they are part of the model's output"));
}

TEST(SmallerModels, branches_on_data_keep_what_is_in_reach) {
    const auto make = [](const std::string& condition) {
        Module model = Net().linear("a", 4, 6).linear("b", 6, 3).forward("y = torch.relu(a(x))\nif " + condition +
                                                                         ":\n    y = y.cumsum(1)\nreturn b(y)");
        empty_rows(model, "a.weight", {1, 2});
        return model;
    };
    const at::Tensor x = random_input({5, 4});
    EXPECT_THAT(refusal(make("bool(x.sum() < -100)"), x), HasSubstr("depends on sizes or data"));
    EXPECT_THAT(refusal(make("x.size(0) == 77"), x), HasSubstr("depends on sizes or data"));
    EXPECT_EQ(shape_of(shrunk(make("x.dim() == 5"), x), "a.weight"), (Sizes{4, 4})) << "the rank is the sample's";
}

TEST(SmallerModels, loops_keep_what_they_use) {
    Module model =
        Net()
            .linear("a", 4, 6)
            .linear("b", 6, 6)
            .linear("c", 6, 3, true)
            .linear("d", 3, 2)
            .forward(
                "x = torch.relu(a(x))\nfor i in range(x.size(0)):\n    x = x + b(x) * 0.1\nreturn d(torch.relu(c(x)))");
    empty_rows(model, "a.weight", {1});
    empty_rows(model, "c.weight", {2});
    const auto result = structured::shrink(model, {random_input({3, 4})}, false);
    EXPECT_EQ(shape_of(result.module, "a.weight"), (Sizes{6, 4}));
    EXPECT_EQ(shape_of(result.module, "c.weight"), (Sizes{2, 6}));
    ASSERT_EQ(result.notes.size(), 1u);
    EXPECT_THAT(result.notes[0], HasSubstr("a.weight: 1 of 1 pruned rows stay: a loop uses them"));
}

TEST(SmallerModels, weights_that_are_used_otherwise_stay_whole) {
    Module model = Net().linear("a", 4, 6).linear("b", 6, 3).forward(
        "y = torch.relu(a(x))\nreturn b(y) + getattr(self, \"a\").weight.sum(1).mean()");
    empty_rows(model, "a.weight", {1});
    EXPECT_THAT(refusal(model, random_input({3, 4})),
                HasSubstr("a.weight: 1 of 1 pruned rows stay: sum (a) needs all"));
}

TEST(SmallerModels, names_order_and_the_rest_of_the_module_stay) {
    Net net;
    Module model =
        net.linear("seq.0", 4, 6, true).batch_norm("seq.1", 6).linear("seq.2", 6, 3).chain({"seq.0", "seq.1", "seq.2"});
    empty_rows(model, "seq.0.weight", {5});
    const Module smaller = structured::shrink(model, {random_input({3, 4})}, false).module;
    std::vector<std::string> before, after;
    for (const auto& tensor : model.named_parameters()) before.push_back(tensor.name);
    for (const auto& tensor : model.named_buffers()) before.push_back(tensor.name);
    for (const auto& tensor : smaller.named_parameters()) after.push_back(tensor.name);
    for (const auto& tensor : smaller.named_buffers()) after.push_back(tensor.name);
    after.erase(std::remove(after.begin(), after.end(), "seq.2.bias"), after.end());  // the new one
    EXPECT_EQ(before, after);
    for (const auto& child : smaller.named_modules()) {
        if (child.name != "seq.0") continue;
        EXPECT_EQ(child.value.type()->name()->name(), "Linear");
    }
    EXPECT_EQ(shape_of(model, "seq.0.weight"), (Sizes{6, 4})) << "the model itself is as it was";
}

TEST(StructuredPruner, gives_back_what_was_not_pruned) {
    Module model = Net().linear("a", 4, 6, true).linear("b", 6, 3, true).chain({"a", "b"});
    const at::Tensor weight = parameter_of(model, "a.weight").clone(), bias = parameter_of(model, "a.bias").clone();
    const RowMock row_one(RowMock::Kind::row_one);
    {
        StructuredPruner pruner(row_one);
        pruner.prepare(model);
        pruner.step();
        EXPECT_EQ(parameter_of(model, "a.bias")[1].item<float>(), 0);
        EXPECT_THROW(StructuredPruner(row_one).prune({random_input({2, 4})}), Error) << "nothing prepared";
    }
    EXPECT_TRUE(at::equal(parameter_of(model, "a.weight"), weight));
    EXPECT_TRUE(at::equal(parameter_of(model, "a.bias"), bias));
}

TEST(StructuredPruner, gives_back_what_was_trained_meanwhile) {
    Module model = Net().linear("a", 4, 6, true).linear("b", 6, 3, true).chain({"a", "b"});
    const at::Tensor bias = parameter_of(model, "a.bias").detach().clone();
    const RowMock row_one(RowMock::Kind::row_one);
    {
        StructuredPruner pruner(row_one);
        pruner.prepare(model);
        pruner.step();
        const at::NoGradGuard no_grad;
        parameter_of(model, "a.bias").add_(1);  // an optimizer's step
        pruner.apply_masks();
        EXPECT_EQ(parameter_of(model, "a.bias")[1].item<float>(), 0);
        EXPECT_TRUE(at::equal(parameter_of(model, "a.bias")[0], bias[0] + 1));
    }
    EXPECT_TRUE(at::equal(parameter_of(model, "a.bias"), bias + 1));
}

TEST(StructuredPruner, strict_refuses_a_row_that_must_stay) {
    Module model = Net().linear("a", 4, 6, true).linear("b", 6, 3, true).chain({"a", "b"});
    const RowMock row_one(RowMock::Kind::row_one);
    StructuredPruner pruner(row_one, {}, {.strict = true});
    pruner.prepare(model);
    pruner.step();
    try {
        pruner.prune({random_input({2, 4})});
        ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("b.weight: 1 of 1 pruned rows stay: they are part of the model's output"));
    }
    EXPECT_EQ(shape_of(model, "a.weight"), (Sizes{6, 4}));
}

TEST(DemandEqual, finds_a_difference) {
    Module a = Net().linear("a", 4, 3).chain({"a"}), b = Net().linear("a", 4, 3).chain({"a", "x * 1.0001"});
    const std::vector<c10::IValue> inputs{random_input({2, 4})};
    EXPECT_NO_THROW(structured::demand_equal(a, a, inputs, {}));
    EXPECT_THROW(structured::demand_equal(a, b, inputs, {}), Error);
    Module c = Net().linear("a", 4, 2).chain({"a"});
    EXPECT_THROW(structured::demand_equal(a, c, inputs, {}), Error);
    Module nothing = Net().linear("a", 4, 3).chain({"a", "x / 0.0 - x / 0.0"});
    EXPECT_THROW(structured::demand_equal(nothing, nothing, inputs, {}), Error) << "NaN equals nothing";
}

}  // namespace
}  // namespace lacuna
