#include "engine/torch/observe.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/script.h>

#include <thread>

#include "engine/base/error.h"
#include "engine/torch/module_fqn.h"
#include "tests/torch/modules.h"
#include "tests/torch/scripts.h"

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::scripted;

/// What an observer of some weights saw, in order.
struct Seen {
    std::vector<size_t> weights;
    std::vector<at::Tensor> inputs;
    std::vector<int64_t> input_dims, weight_dims;
    void add(const Operand& operand) {
        weights.push_back(operand.weight);
        inputs.push_back(operand.input.clone());
        input_dims.push_back(operand.input_dim);
        weight_dims.push_back(operand.weight_dim);
    }
};

template <class Call>
Seen seen(std::vector<at::Tensor> weights, Call&& call) {
    Seen seen;
    OperandObserver observer(std::move(weights), [&](const Operand& operand) { seen.add(operand); });
    call();
    observer.rethrow();
    return seen;
}

TEST(Observe, a_live_linear_layer) {
    torch::nn::Linear layer = testing_support::linear(3, 2, true);
    const at::Tensor x = at::randn({5, 4, 3});
    const Seen got = seen({layer->weight}, [&] { layer->forward(x); });
    ASSERT_EQ(got.weights.size(), 1u) << "linear is one multiplication, whatever it calls";
    EXPECT_TRUE(at::equal(got.inputs[0], x));
    EXPECT_EQ(got.input_dims[0], 2);
    EXPECT_EQ(got.weight_dims[0], 1);
    EXPECT_FALSE(got.inputs[0].requires_grad());
}

TEST(Observe, nothing_after_the_observer_has_gone_and_nothing_of_other_weights) {
    torch::nn::Linear layer = testing_support::linear(3, 2), other = testing_support::linear(3, 2);
    const at::Tensor x = at::randn({5, 3});
    int calls = 0;
    {
        OperandObserver observer({layer->weight}, [&](const Operand&) { ++calls; });
        other->forward(x);
        EXPECT_EQ(calls, 0);
        layer->forward(x);
    }
    layer->forward(x);
    EXPECT_EQ(calls, 1);
}

/// As Module::to gives it.
TEST(Observe, a_weight_that_gets_other_memory_and_those_that_share_theirs) {
    torch::nn::Linear layer = testing_support::linear(3, 2), other = testing_support::linear(3, 2);
    const at::Tensor x = at::randn({5, 3}), both = at::randn({4, 3});
    const std::vector<at::Tensor> weights{layer->weight, other->weight, both.slice(0, 0, 2), both.slice(0, 2, 4)};
    const Seen got = seen(weights, [&] {
        layer->weight.set_data(at::randn({2, 3}));
        for (const at::Tensor& weight : {weights[3], other->weight, layer->weight, weights[2]}) at::linear(x, weight);
    });
    EXPECT_THAT(got.weights, ElementsAre(3, 1, 0, 2));
}

TEST(Observe, the_backward_pass_does_not_count) {
    torch::nn::Sequential model(testing_support::linear(3, 4), testing_support::linear(4, 2));
    const at::Tensor first = fqn_to_tensor(*model, "0.weight"), second = fqn_to_tensor(*model, "1.weight");
    const Seen got = seen({first, second}, [&] { model->forward(at::randn({5, 3})).sum().backward(); });
    EXPECT_THAT(got.weights, ElementsAre(0, 1));
    EXPECT_TRUE(second.grad().defined());
}

TEST(Observe, a_script_and_what_the_executor_makes_of_it) {
    const at::Tensor weight = at::randn({4, 4});
    auto layer = scripted("Layer", "def forward(self, x):\n    return torch.linear(torch.tanh(x) * 2 + 1, self.w)\n",
                          {{"w", weight}});
    torch::jit::Module model("Model");
    model.register_module("a", layer);
    model.register_module("b", layer);
    model.define("def forward(self, x):\n    return self.b.forward(self.a.forward(x))\n");
    const at::Tensor x = at::randn({3, 4});
    const auto forward = [&] {
        const at::NoGradGuard no_grad;
        model.forward({x});
    };
    for (int run = 0; run < 4; ++run) {  // profiled, then optimised
        const Seen got = seen({weight}, forward);
        ASSERT_EQ(got.weights.size(), 2u) << "shared and called twice, run " << run;
        EXPECT_TRUE(at::equal(got.inputs[0], at::tanh(x) * 2 + 1));
    }
    torch::jit::Inline(*model.get_method("forward").graph());
    EXPECT_EQ(seen({weight}, forward).weights.size(), 2u);
}

TEST(Observe, every_way_to_multiply) {
    const at::Tensor w = at::randn({4, 3}), x = at::randn({5, 3});
    struct Case {
        const char* body;
        int64_t input_dim, weight_dim;
    };
    for (const Case& one :
         {Case{"torch.linear(x, self.w)", 1, 1}, Case{"x @ self.w.t()", 1, 1},
          Case{"torch.mm(x, self.w.transpose(0, 1))", 1, 1}, Case{"torch.addmm(torch.zeros([4]), x, self.w.t())", 1, 1},
          Case{"torch.matmul(x.unsqueeze(0), self.w.t())", 2, 1}, Case{"torch.matmul(self.w, x.t())", 0, 1},
          Case{"torch.mv(self.w, x[0])", 0, 1}, Case{"torch.bmm(x.unsqueeze(0), self.w.t().unsqueeze(0))", 2, 1},
          Case{"torch.einsum('bi,oi->bo', [x, self.w])", 2, 1}, Case{"x.new_ones([2, 4]) @ self.w", 1, 0},
          Case{"torch.linear(x, self.w[1:3])", 1, 1}}) {
        auto model = scripted("M", std::string("def forward(self, x):\n    return ") + one.body + "\n", {{"w", w}});
        const Seen got = seen({w}, [&] { model.forward({x}); });
        ASSERT_EQ(got.weights.size(), 1u) << one.body;
        EXPECT_EQ(got.weight_dims[0], one.weight_dim) << one.body;
        EXPECT_EQ(got.inputs[0].size(got.input_dims[0]), w.size(one.weight_dim)) << one.body;
    }
}

TEST(Observe, what_is_not_the_weight_is_not_taken_for_it) {
    const at::Tensor w = at::randn({4, 4}), x = at::randn({5, 4});
    for (const char* body : {"torch.linear(x, self.w * 2)", "torch.linear(x, self.w.clone())", "x * self.w[0]",
                             "torch.linear(x[:, :2], self.w[:, :2])", "torch.embedding(self.w, x.long() * 0)"}) {
        auto model = scripted("M", std::string("def forward(self, x):\n    return ") + body + "\n", {{"w", w}});
        EXPECT_THAT(seen({w}, [&] { model.forward({x}); }).weights, IsEmpty()) << body;
    }
    // Parameters that lie beside each other in one storage.
    const at::Tensor flat = at::randn({32}), left = flat.slice(0, 0, 16).view({4, 4}),
                     right = flat.slice(0, 16, 32).view({4, 4});
    EXPECT_THAT(seen({left, right}, [&] { at::linear(x, right); }).weights, ElementsAre(1));
    // Tied: one memory, two names.
    EXPECT_THAT(seen({w, w}, [&] { at::linear(x, w); }).weights, ElementsAre(0, 1));
}

TEST(Observe, convolutions) {
    struct Case {
        const char* call;
        Shape weight, input;
        int64_t input_dim, weight_dim;
    };
    for (const Case& one :
         {Case{"torch.conv2d(x, self.w)", {6, 3, 3, 3}, {2, 3, 8, 8}, 1, 1},
          Case{"torch.conv2d(x, self.w)", {6, 3, 3, 3}, {3, 8, 8}, 0, 1},
          Case{"torch.conv1d(x, self.w, None, 1, 0, 1, 2)", {4, 2, 3}, {5, 4, 9}, 1, 1},
          Case{"torch.conv3d(x, self.w)", {2, 3, 2, 2, 2}, {1, 3, 4, 4, 4}, 1, 1},
          Case{"torch.conv_transpose2d(x, self.w)", {3, 6, 2, 2}, {2, 3, 8, 8}, 1, 0},
          Case{
              "torch._convolution(x, self.w, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, False, False, True, True)",
              {6, 3, 3, 3},
              {2, 3, 8, 8},
              1,
              1},
          Case{"torch.convolution(x, self.w, None, [1, 1], [0, 0], [1, 1], True, [0, 0], 1)",
               {3, 6, 2, 2},
               {2, 3, 8, 8},
               1,
               0},
          Case{"torch.linear(x, self.w.flatten(1))", {6, 3, 1, 1}, {2, 3}, 1, 1}}) {
        const at::Tensor w = at::randn(one.weight), x = at::randn(one.input);
        auto model = scripted("M", std::string("def forward(self, x):\n    return ") + one.call + "\n", {{"w", w}});
        const Seen got = seen({w}, [&] { model.forward({x}); });
        ASSERT_EQ(got.weights.size(), 1u) << one.call;
        EXPECT_EQ(got.input_dims[0], one.input_dim) << one.call;
        EXPECT_EQ(got.weight_dims[0], one.weight_dim) << one.call;
        EXPECT_TRUE(at::equal(got.inputs[0], x));
    }
}

TEST(Observe, threads_and_a_sink_that_throws) {
    torch::nn::Linear layer = testing_support::linear(3, 2);
    std::atomic<int> calls{0};
    OperandObserver observer({layer->weight}, [&](const Operand&) {
        if (++calls == 1) throw Error(ErrorKind::state, "the sink", "failed");
    });
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 50; ++i) layer->forward(at::ones({1, 3}));
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(calls, 200);
    EXPECT_THROW(observer.rethrow(), Error);
    EXPECT_NO_THROW(observer.rethrow());
}

TEST(Observe, observers_side_by_side_and_operators_in_the_sink) {
    torch::nn::Linear layer = testing_support::linear(3, 3);
    const Seen outer = seen({layer->weight}, [&] {
        int inner = 0;
        OperandObserver observer({layer->weight}, [&](const Operand& operand) {
            ++inner;
            at::linear(operand.input, layer->weight);  // not observed
        });
        layer->forward(at::ones({1, 3}));
        EXPECT_EQ(inner, 1);
    });
    EXPECT_EQ(outer.weights.size(), 1u);
}

}  // namespace
}  // namespace lacuna
