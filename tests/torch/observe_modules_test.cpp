#include "engine/torch/observe_modules.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <sstream>
#include <thread>

#include "engine/base/error.h"
#include "tests/torch/scripts.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing_support::layer;
using testing_support::scripted;

/// relu(x·wᵀ) twice with one layer, then another layer of the same type.
torch::jit::Module shared_twice() {
    const torch::jit::Module shared = layer(at::randn({4, 4}));
    torch::jit::Module other = shared.deepcopy();  // the same type
    torch::jit::Module model("Model");
    model.register_module("a", shared);
    model.register_module("b", shared);
    model.register_module("c", other);
    model.define(
        "def forward(self, x):\n    return "
        "self.c.forward(torch.relu(self.b.forward(torch.relu(self.a.forward(x)))))\n");
    return model;
}

TEST(HookedModule, sees_inputs_and_outputs_of_the_module_it_names) {
    const torch::jit::Module model = shared_twice();
    HookedModule hooked(model);
    std::vector<at::Tensor> inputs, outputs;
    hooked.before("c", [&](c10::IValue& x) { inputs.push_back(x.toTensor().clone()); });
    hooked.after("a", [&](c10::IValue& y) { outputs.push_back(y.toTensor().clone()); });
    const at::Tensor x = at::randn({3, 4});
    torch::jit::Module plain = model;
    for (int run = 1; run <= 4; ++run) {  // the executor profiles, then optimises
        EXPECT_TRUE(at::equal(hooked.forward({x}).toTensor(), plain.forward({x}).toTensor()));
        ASSERT_EQ(inputs.size(), size_t(run)) << "c alone, though a and b are of its type";
        ASSERT_EQ(outputs.size(), size_t(2 * run)) << "a is b: both calls";
        EXPECT_TRUE(at::equal(inputs.back(), at::relu(outputs.back())));
    }
}

TEST(HookedModule, replaces_values_and_leaves_the_model_alone) {
    torch::jit::Module model = shared_twice();
    const at::Tensor x = at::randn({3, 4}), before = model.forward({x}).toTensor();
    const auto text = [&] { return model.dump_to_str(true, false, false); };
    const std::string code = text();
    HookedModule hooked(model);
    hooked.before("a", [](c10::IValue& value) { value = value.toTensor() * 0; });
    EXPECT_TRUE(at::equal(hooked.forward({x}).toTensor(), at::zeros({3, 4})));
    EXPECT_TRUE(at::equal(model.forward({x}).toTensor(), before));
    hooked.before("a", {});
    EXPECT_TRUE(at::equal(hooked.forward({x}).toTensor(), before));
    hooked.after("", [](c10::IValue& value) { value = value.toTensor() + 1; });
    EXPECT_TRUE(at::equal(hooked.forward({x}).toTensor(), before + 1));
    EXPECT_EQ(text(), code);
    EXPECT_THAT(code, testing::Not(HasSubstr("lacuna::")));
}

TEST(HookedModule, shares_the_models_tensors) {
    torch::jit::Module model = layer(at::ones({2, 2}));
    HookedModule hooked(model);
    const at::NoGradGuard no_grad;
    model.attr("weight").toTensor().zero_();
    EXPECT_EQ(hooked.forward({at::ones({1, 2})}).toTensor().sum().item<float>(), 0);
}

TEST(HookedModule, gradients_pass_through_a_replaced_value) {
    torch::jit::Module model = layer(at::ones({2, 2}));
    HookedModule hooked(model);
    hooked.before("", [](c10::IValue& value) { value = value.toTensor() * 3; });
    at::Tensor x = at::ones({1, 2}).requires_grad_();
    hooked.forward({x}).toTensor().sum().backward();
    EXPECT_TRUE(at::equal(x.grad(), at::ones({1, 2}) * 6));
}

TEST(HookedModule, keywords_defaults_and_inputs_that_are_no_tensor) {
    torch::jit::Module model = scripted(
        "M",
        "def forward(self, x: Tensor, scale: float = 2.0, name: Optional[Tensor] = None) -> Tuple[Tensor, float]:\n"
        "    return (x * scale, scale)\n");
    HookedModule hooked(model);
    int calls = 0;
    hooked.before("", [&](c10::IValue& value) { calls += value.isTensor(); });
    hooked.after("", [&](c10::IValue& value) { calls += 10 * value.isTuple(); });
    const at::Tensor x = at::ones({2});
    EXPECT_EQ(hooked.forward({}, {{"scale", 5.0}, {"x", x}}).toTuple()->elements()[0].toTensor()[0].item<float>(), 5);
    EXPECT_EQ(hooked.forward({x}).toTuple()->elements()[0].toTensor()[0].item<float>(), 2);
    EXPECT_EQ(calls, 22);
}

TEST(HookedModule, a_list_of_modules_and_branches_and_loops) {
    torch::jit::Module model("Model");
    torch::jit::Module list("List");
    for (const char* name : {"0", "1"}) list.register_module(name, layer(at::eye(2)));
    model.register_module("layers", list);
    model.define(
        "def forward(self, x, n: int):\n"
        "    for i in range(n):\n"
        "        if i % 2 == 0:\n"
        "            x = getattr(self.layers, '0').forward(x)\n"
        "        else:\n"
        "            x = getattr(self.layers, '1').forward(x)\n"
        "    return x\n");
    HookedModule hooked(model);
    int first = 0, second = 0;
    hooked.before("layers.0", [&](c10::IValue&) { ++first; });
    hooked.before("layers.1", [&](c10::IValue&) { ++second; });
    for (int run = 0; run < 3; ++run) hooked.forward({at::ones({1, 2}), 5});
    EXPECT_EQ(first, 9);
    EXPECT_EQ(second, 6);
}

TEST(HookedModule, a_trace_that_uses_a_module_twice_calls_its_second_method) {
    torch::jit::Module part = layer(at::eye(2));
    part.define("def forward1(self, x):\n    return torch.linear(x, self.weight)\n");
    torch::jit::Module model("Model");
    model.register_module("part", part);
    model.define("def forward(self, x):\n    return self.part.forward1(self.part.forward(x))\n");
    HookedModule hooked(model);
    int calls = 0;
    hooked.before("part", [&](c10::IValue&) { ++calls; });
    hooked.forward({at::ones({1, 2})});
    EXPECT_EQ(calls, 2);
}

TEST(HookedModule, threads_and_exceptions) {
    torch::jit::Module model("Model");
    model.register_module("part", layer(at::eye(2)));
    model.define(
        "def forward(self, x):\n"
        "    return self.part.forward(x) + self.part.forward(x)\n");
    HookedModule hooked(model);
    std::atomic<int> calls{0};
    hooked.before("part", [&](c10::IValue&) { ++calls; });
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 10; ++i) hooked.forward({at::ones({1, 2})});
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(calls, 80);
    hooked.before("part", [](c10::IValue&) { throw Error(ErrorKind::state, "the hook", "says no"); });
    EXPECT_THROW(hooked.forward({at::ones({1, 2})}), std::exception);
    hooked.before("part", {});
    hooked.after("", [](c10::IValue&) { throw Error(ErrorKind::state, "the hook", "says no"); });
    try {
        hooked.forward({at::ones({1, 2})});
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.where(), "the hook");
    }
    EXPECT_THROW(hooked.forward({}), std::exception) << "LibTorch's own";
}

TEST(HookedModule, what_cannot_be_hooked_is_named) {
    torch::jit::Module model("Model");
    model.register_module("part", scripted("Part", "def forward(self):\n    return 1\n"));
    model.define("def forward(self, x):\n    return x + self.part.forward()\n");
    HookedModule hooked(model);
    const auto message = [&](const char* fqn) -> std::string {
        try {
            hooked.before(fqn, [](c10::IValue&) {});
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_THAT(message("nothing"), HasSubstr("nothing: the model has no module"));
    EXPECT_THAT(message("part"), HasSubstr("takes no input"));
    torch::jit::Module kept;
    {
        HookedModule gone(model);
        gone.after("", [](c10::IValue&) { FAIL(); });
        kept = gone.module();
    }
    EXPECT_EQ(kept.forward({at::ones({1})}).toTensor().item<float>(), 2) << "silent once the hooks have gone";
    EXPECT_THROW(HookedModule(torch::jit::Module("Empty")), Error);
}

}  // namespace
}  // namespace lacuna
