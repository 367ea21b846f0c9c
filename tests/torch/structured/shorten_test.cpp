#include "engine/torch/structured/shorten.h"

#include "engine/base/error.h"
#include "engine/torch/load_module.h"
#include "engine/torch/save_module.h"
#include "engine/torch/structured/compare.h"
#include "engine/torch/structured/shrink.h"
#include "tests/support/problem_of.h"
#include "tests/support/scratch_folder.h"
#include "tests/torch/structured/nets.h"

// Layer norms between linear layers: without the channels that are zero they give what they gave.

namespace lacuna {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace testing_support;
using torch::jit::Module;
using Sizes = std::vector<int64_t>;

/// Adds a layer norm; `parts`: "weight", "bias", both, or none.
Net& layer_norm(Net& net, const std::string& fqn, int64_t size, const std::string& parts = "weight, bias",
                const std::string& eps = "1e-05") {
    const bool weight = parts.find("weight") != parts.npos, bias = parts.find("bias") != parts.npos;
    return net.layer(fqn, "LayerNorm",
                     {{"weight", weight ? net.random({size}) + 1 : at::Tensor()},
                      {"bias", bias ? net.random({size}) : at::Tensor()}},
                     "torch.layer_norm(x, [" + std::to_string(size) + "], self.weight, self.bias, " + eps + ")");
}

/// Rows `gone` of a's eight are zero.
Module emptied(Module model, const Sizes& gone) {
    empty_rows(model, "a.weight", gone);
    return model;
}

structured::Shrunk shrunk(const Module& model, const at::Tensor& x) {
    auto result = structured::shrink(model, {x}, false);
    for (const at::Tensor& input : {x, x * 30, x * 0.01, at::cat({x.flip(0), x * -2}, 0), at::zeros_like(x)})
        expect_same(run(model, input), run(result.module, input));
    return result;
}

TEST(ShortNorm, every_kind_of_layer_norm_and_linear_layer) {
    for (const char* parts : {"weight, bias", "weight", "bias", ""})
        for (const bool bias : {true, false}) {
            SCOPED_TRACE(std::string(parts) + (bias ? ", biased" : ""));
            Net net;
            layer_norm(net.linear("a", 4, 8), "norm", 8, parts).linear("b", 8, 5, bias);
            const Module model = emptied(net.chain({"a", "norm", "b", "torch.relu(x)"}), {0, 3, 7});
            const auto result = shrunk(model, random_input({6, 4}));
            EXPECT_THAT(result.notes, IsEmpty());
            EXPECT_EQ(shape_of(result.module, "a.weight"), (Sizes{5, 4}));
            EXPECT_EQ(shape_of(result.module, "b.weight"), (Sizes{5, 5}));
            EXPECT_EQ(shape_of(result.module, "b.carried"), (Sizes{5}));
            const bool adds = std::string(parts).find("bias") != std::string::npos;
            EXPECT_EQ(parameter_of(result.module, "b.bias").defined(), bias || adds);
            shrunk(model, random_input({2, 3, 6, 4}));
        }
}

TEST(ShortNorm, almost_all_gone_rows_alike_and_a_large_eps) {
    Net net;
    layer_norm(net.linear("a", 4, 8), "norm", 8, "weight, bias", "0.5").linear("b", 8, 5, true);
    const Module model = emptied(net.chain({"a", "norm", "b"}), {0, 1, 2, 3, 4, 5, 7});
    EXPECT_EQ(shape_of(shrunk(model, random_input({6, 4})).module, "b.weight"), (Sizes{5, 1}));
}

TEST(ShortNorm, several_linear_layers_behind_one_norm) {
    Net net;
    layer_norm(net.linear("a", 4, 8), "norm", 8).linear("q", 8, 6, true).linear("k", 8, 6);
    Module model = emptied(net.forward("x = norm(a(x))\nreturn q(x) * torch.tanh(k(x)) + q(x)"), {1, 2});
    empty_rows(model, "k.weight", {0});
    const auto result = shrunk(model, random_input({6, 4}));
    EXPECT_EQ(shape_of(result.module, "q.weight"), (Sizes{6, 6}));
    EXPECT_EQ(shape_of(result.module, "k.weight"), (Sizes{6, 6}));
    int64_t added = 0;
    for (const auto& parameter : result.module.named_parameters()) added += parameter.name.ends_with("carried");
    EXPECT_EQ(added, 2) << "q is called twice on the same";
}

TEST(ShortNorm, one_linear_layer_behind_two_norms) {
    for (const bool biases : {false, true}) {  // with them, what the norms add differs: the layer has one bias
        Net net;
        net.linear("a", 4, 8).linear("b", 8, 5, true);
        layer_norm(layer_norm(net, "one", 8, biases ? "weight, bias" : "weight"), "two", 8,
                   biases ? "weight, bias" : "weight");
        const Module model = emptied(net.forward("x = a(x)\nreturn b(one(x)) + torch.relu(b(two(x)))"), {1, 2});
        if (biases) {
            EXPECT_THAT(problem_of([&] {
                            structured::shrink(model, {random_input({6, 4})}, false);
                        }),
                        HasSubstr("used twice, on different values"));
        } else {
            EXPECT_EQ(shape_of(shrunk(model, random_input({6, 4})).module, "b.weight"), (Sizes{5, 6}));
        }
    }
}

TEST(ShortNorm, rows_behind_it_leave_too) {
    Net net;
    layer_norm(net.linear("a", 4, 8), "norm", 8).linear("b", 8, 6, true).linear("c", 6, 2);
    Module model = emptied(net.chain({"a", "norm", "b", "torch.sigmoid(x)", "c"}), {1, 2});
    empty_rows(model, "b.weight", {4, 5});
    const auto result = shrunk(model, random_input({6, 4}));
    EXPECT_EQ(shape_of(result.module, "b.carried"), (Sizes{4}));
    EXPECT_EQ(shape_of(result.module, "c.weight"), (Sizes{2, 4}));
}

TEST(ShortNorm, a_channel_that_keeps_a_bias_stays) {
    Net net;
    layer_norm(net.linear("a", 4, 8, true), "norm", 8).linear("b", 8, 5);
    Module model = emptied(net.chain({"a", "norm", "b"}), {1, 2, 3});
    empty_rows(model, "a.bias", {2});
    const auto result = shrunk(model, random_input({6, 4}));
    EXPECT_EQ(shape_of(result.module, "a.weight"), (Sizes{7, 4}));
    EXPECT_THAT(result.notes, Contains(HasSubstr("2 of 3 pruned rows stay: layer_norm lets go of zeros alone")));
}

TEST(ShortNorm, other_users_of_what_it_gives_keep_all) {
    for (const char* body :
         {"x = norm(a(x))\nreturn b(x) + x.sum()", "return norm(a(x))", "return b(torch.relu(norm(a(x))))",
          "x = norm(a(x))\nfor i in range(x.size(0)):\n    x = b(x)\nreturn x"}) {
        Net net;
        layer_norm(net.linear("a", 4, 8), "norm", 8).linear("b", 8, 8);
        const Module model = emptied(net.forward(body), {1, 2});
        EXPECT_THAT(problem_of([&] {
                        structured::shrink(model, {random_input({6, 4})}, false);
                    }),
                    HasSubstr("a.weight: 2 of 2 pruned rows stay: "))
            << body;
    }
}

TEST(ShortNorm, narrow_and_wide_types) {
    for (const auto type : {at::kDouble, at::kHalf, at::kBFloat16}) {
        Net net;
        layer_norm(net.linear("a", 4, 8), "norm", 8).linear("b", 8, 5, true);
        Module model = emptied(net.chain({"a", "norm", "b"}), {0, 3, 7});
        model.to(type);
        const at::Tensor x = (random_input({6, 4}) * 300).to(type);  // squares past what HALF holds
        auto result = structured::shrink(model, {x}, false);
        EXPECT_EQ(run(result.module, x).scalar_type(), type);
        EXPECT_NO_THROW(structured::demand_equal(model, result.module, {x}, {})) << type;
    }
}

TEST(ShortNorm, is_saved_and_loaded) {
    Net net;
    layer_norm(net.linear("a", 4, 8), "norm", 8).linear("b", 8, 5, true);
    const Module model = emptied(net.chain({"a", "norm", "b"}), {0, 3, 7});
    const at::Tensor x = random_input({6, 4});
    const ScratchFolder folder;
    save_module(structured::shrink(model, {x}, false).module, folder / "small.pt");
    expect_same(run(model, x), run(load_module(folder / "small.pt"), x));
}

}  // namespace
}  // namespace lacuna
