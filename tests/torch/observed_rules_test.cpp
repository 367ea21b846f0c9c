#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include "engine/base/error.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/module_sparsifier.h"
#include "tests/torch/modules.h"
#include "tests/torch/scripts.h"

// Rules that look at a layer's input or at several tensors, on live modules.

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::layer;
using testing_support::ZeroRow;

/// Prunes the columns whose input feature was always 0, and remembers what it was shown.
class DeadFeatures : public ZeroRow {
  public:
    std::string_view name() const override { return "dead_features"; }
    bool needs_activations() const override { return true; }
    Mask compute(const MaskRequest& request) const override {
        shown.push_back(*request.activations);
        Mask mask = Mask::ones(request.weight.shape);
        const auto columns = request.weight.shape[1];
        for (int64_t i = 0; i < mask.size(); ++i) mask.set(i, shown.back().squares[size_t(i % columns)] > 0);
        return mask;
    }
    mutable std::vector<Activations> shown;
};

/// Zeroes row 0 of each tensor and remembers which ones came together.
class Together : public ZeroRow {
  public:
    std::string_view name() const override { return "together"; }
    bool spans_tensors() const override { return true; }
    std::vector<Mask> compute_all(std::span<const MaskRequest> unit) const override {
        std::vector<std::string> names;
        std::vector<Mask> masks;
        for (const MaskRequest& request : unit) {
            names.emplace_back(request.name);
            masks.push_back(ZeroRow::compute(request));
        }
        units.push_back(names);
        return masks;
    }
    mutable std::vector<std::vector<std::string>> units;
};

template <class Call>
std::string message_of(Call&& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TEST(ObservedRules, a_live_modules_inputs_reach_the_rule) {
    DeadFeatures rule;
    torch::nn::Sequential model(testing_support::linear(3, 3), testing_support::linear(3, 2));
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(*model);
    EXPECT_EQ(sparsifier.activations("0.weight"), nullptr);
    EXPECT_THAT(message_of([&] { sparsifier.step(); }), HasSubstr("0.weight: its layer has seen no input"));
    EXPECT_EQ(sparsifier.steps_taken(), 0);
    at::Tensor x = at::ones({4, 3});
    x.select(1, 1).zero_();
    model->forward(x);
    model->forward(x * 2);
    sparsifier.step();
    ASSERT_EQ(rule.shown.size(), 2u);
    EXPECT_THAT(rule.shown[0].squares, ElementsAre(20, 0, 20));
    EXPECT_EQ(rule.shown[0].rows, 8);
    EXPECT_EQ(fqn_to_tensor(*model, "0.weight").select(1, 1).abs().sum().item<float>(), 0);
    model->forward(x);
    EXPECT_THAT(sparsifier.activations("0.weight")->squares, ElementsAre(24, 0, 24)) << "adds up over steps";
    sparsifier.squash_mask();
    model->forward(x);
    EXPECT_EQ(sparsifier.activations("0.weight"), nullptr) << "nobody looks any more";
}

TEST(ObservedRules, a_scripted_models_inputs_too_and_only_where_the_rule_looks) {
    DeadFeatures rule;
    ZeroRow blind;
    torch::jit::Module model("Model");
    model.register_module("a", layer(at::ones({2, 2})));
    model.register_module("b", layer(at::ones({2, 2})));
    model.define("def forward(self, x):\n    return self.b.forward(self.a.forward(x))\n");
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(model,
                       SparsifyConfig{{.tensor_fqn = "a.weight"}, {.tensor_fqn = "b.weight", .sparsifier = &blind}});
    model.forward({at::ones({1, 2})});
    EXPECT_THAT(sparsifier.activations("a.weight")->squares, ElementsAre(1, 1));
    EXPECT_EQ(sparsifier.activations("b.weight"), nullptr);
    ModuleSparsifier moved = std::move(sparsifier);
    model.forward({at::ones({1, 2})});
    EXPECT_THAT(moved.activations("a.weight")->squares, ElementsAre(2, 2));
    model.to(at::kDouble);
    model.forward({at::ones({1, 2}, at::kDouble)});
    EXPECT_THAT(moved.activations("a.weight")->squares, ElementsAre(3, 3)) << "a converted model is still observed";
}

TEST(ObservedRules, tensors_with_equal_options_go_together_unless_frozen) {
    Together rule;
    ZeroRow alone;
    testing_support::SimpleLinear model;
    ModuleSparsifier sparsifier(rule);
    Options other;
    other.set("test", int64_t(7));
    sparsifier.prepare(model, SparsifyConfig{{.tensor_fqn = "seq.0.weight"},
                                             {.tensor_fqn = "seq.1.weight", .options = other},
                                             {.tensor_fqn = "seq.2.weight"},
                                             {.tensor_fqn = "linear1.weight"},
                                             {.tensor_fqn = "linear2.weight", .sparsifier = &alone}});
    sparsifier.enable_mask_update("seq.2.weight", false);
    sparsifier.step();
    EXPECT_THAT(rule.units, ElementsAre(ElementsAre("seq.0.weight", "linear1.weight"), ElementsAre("seq.1.weight")));
    EXPECT_EQ(alone.computed, 1);
    for (const SparsifyGroup& group : sparsifier.groups())
        EXPECT_EQ(group.fake_sparsity.mask->pruned() == 0, group.tensor_fqn == "seq.2.weight") << group.tensor_fqn;
}

}  // namespace
}  // namespace lacuna
