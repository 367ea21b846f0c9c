#include <ATen/ops/equal.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/torch/masked_tensor.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/module_sparsifier.h"
#include "engine/torch/tensor.h"
#include "tests/support/error_of.h"
#include "tests/torch/modules.h"

// torch.ao.pruning's own tests of BaseSparsifier, on modules; what upstream checks weakly is checked fully
// (docs/parity.md, test by test).

namespace lacuna {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::error_of;
using testing_support::SimpleLinear;
using testing_support::ZeroRow;

std::vector<std::string> names(const ModuleSparsifier& sparsifier) {
    std::vector<std::string> found;
    for (const SparsifyGroup& group : sparsifier.groups()) found.push_back(group.tensor_fqn);
    return found;
}

at::Tensor weight(const torch::nn::Module& model, const std::string& fqn) {
    return fqn_to_tensor(model, fqn);
}

Options kept(std::initializer_list<std::pair<const char*, int64_t>> values) {
    Options options;
    for (const auto& [name, value] : values) options.set(name, value);
    return options;
}

Options keep_test(int64_t value) {
    return kept({{"test", value}});
}

TEST(TestBaseSparsifier, constructor) {
    ZeroRow rule;
    SimpleLinear model;
    ModuleSparsifier all(rule, keep_test(3));
    all.prepare(model);
    EXPECT_THAT(names(all),
                ElementsAre("linear1.weight", "linear2.weight", "seq.0.weight", "seq.1.weight", "seq.2.weight"));
    for (const SparsifyGroup& group : all.groups()) EXPECT_EQ(group.options.integer("test"), 3);

    ModuleSparsifier one(rule, keep_test(3));
    SimpleLinear other;
    one.prepare(other, SparsifyConfig{{.tensor_fqn = "linear1.weight"}});
    ASSERT_EQ(one.groups().size(), 1u);
    EXPECT_EQ(one.groups()[0].options.integer("test"), 3);
    EXPECT_EQ(one.groups()[0].options.integer("other"), 5);
    EXPECT_EQ(one.groups()[0].module_fqn, "linear1");
    EXPECT_EQ(one.groups()[0].tensor_name, "weight");

    Options unknown;
    unknown.set("tset", int64_t(1));
    EXPECT_THAT(error_of([&] { ModuleSparsifier wrong(rule, unknown); }).what(), HasSubstr("test"));
}

TEST(TestBaseSparsifier, prepare_config) {
    ZeroRow rule;
    SimpleLinear model;
    const at::Tensor parameter = model.linear1->weight;
    ModuleSparsifier sparsifier(rule, keep_test(3));
    for (const at::Tensor& before : model.parameters()) EXPECT_FALSE(MaskedTensor::is_masked(before));
    sparsifier.prepare(model, SparsifyConfig{{.tensor_fqn = "linear1.weight", .options = keep_test(4)},
                                             {.tensor_fqn = "seq.0.weight"}});
    EXPECT_EQ(sparsifier.group("linear1.weight").options.integer("test"), 4);
    EXPECT_EQ(sparsifier.group("seq.0.weight").options.integer("test"), 3);
    EXPECT_TRUE(MaskedTensor::is_masked(model.linear1->weight));
    EXPECT_TRUE(MaskedTensor::is_masked(weight(model, "seq.0.weight")));
    for (const char* other : {"linear2.weight", "seq.1.weight", "seq.2.weight"})
        EXPECT_FALSE(MaskedTensor::is_masked(weight(model, other))) << other;
    EXPECT_TRUE(parameter.is_same(model.linear1->weight));
    EXPECT_EQ(fqn_to_module(model, sparsifier.group("linear1.weight").module_fqn), model.linear1.get());
}

TEST(TestBaseSparsifier, prepare_nothing_and_names_of_the_root) {
    ZeroRow rule;
    torch::nn::Linear root = testing_support::linear(4, 3);
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(*root, SparsifyConfig{});
    sparsifier.step();
    EXPECT_TRUE(sparsifier.groups().empty());
    sparsifier.prepare(*root);
    EXPECT_TRUE(sparsifier.groups().empty()) << "a root that is itself a Linear is passed by";
    sparsifier.prepare(*root, SparsifyConfig{{.tensor_fqn = "weight"}});
    EXPECT_THAT(names(sparsifier), ElementsAre("weight"));
    SimpleLinear model;
    sparsifier.prepare(model, SparsifyConfig{{.tensor_fqn = ".linear1.weight"}});
    EXPECT_THAT(names(sparsifier), ElementsAre("linear1.weight"));
}

TEST(TestBaseSparsifier, prepare_errors_change_nothing) {
    ZeroRow rule;
    SimpleLinear model;
    const at::Tensor before = model.linear2->weight.detach().clone();
    ModuleSparsifier sparsifier(rule);
    const SparsifyEntry good{.tensor_fqn = "linear2.weight"};
    const auto fails = [&](SparsifyEntry entry, const char* words) {
        const Error error = error_of([&] { sparsifier.prepare(model, SparsifyConfig{good, entry}); });
        EXPECT_THAT(error.what(), HasSubstr(words));
        EXPECT_TRUE(sparsifier.groups().empty());
        EXPECT_FALSE(MaskedTensor::is_masked(model.linear2->weight));
        EXPECT_TRUE(at::equal(model.linear2->weight, before));
        return error.kind();
    };
    EXPECT_EQ(fails({}, "tensor_fqn"), ErrorKind::argument);
    fails({.tensor_fqn = "linear9.weight"}, "linear9.weight");
    fails({.tensor_fqn = "linear1.wieght"}, "linear1.wieght");
    fails({.tensor_fqn = "linear1.weight", .module_fqn = "linear2"}, "contradicts");
    fails({.tensor_fqn = "linear1.weight", .tensor_name = "bias"}, "contradicts");
    fails({.tensor_fqn = "linear2.weight"}, "twice");
    fails({.tensor_fqn = "linear1.weight", .options = keep_test(77)}, "test");
    fails({.tensor_fqn = "linear1.weight", .mask = std::make_shared<const Mask>(Mask::ones({2, 2}))}, "[2, 2]");
    ModuleSparsifier other(rule);
    other.prepare(model, SparsifyConfig{{.tensor_fqn = "linear1.weight"}});
    EXPECT_EQ(fails({.tensor_fqn = "linear1.weight"}, "another sparsifier"), ErrorKind::state);
    sparsifier.prepare(model);
    EXPECT_THAT(names(sparsifier), testing::Not(testing::Contains("linear1.weight"))) << "already masked: passed by";
}

TEST(TestBaseSparsifier, tied_weights_are_one_tensor) {
    ZeroRow rule;
    torch::nn::Linear shared = testing_support::linear(4, 4);
    torch::nn::Sequential model(shared, shared);
    ModuleSparsifier sparsifier(rule);
    EXPECT_THAT(error_of([&] { sparsifier.prepare(*model); }).what(), HasSubstr("twice"));
    sparsifier.prepare(*model, SparsifyConfig{{.tensor_fqn = "1.weight"}});
    sparsifier.step();
    EXPECT_EQ(weight(*model, "0.weight")[0].abs().sum().item<float>(), 0);
}

TEST(TestBaseSparsifier, prepare_again_replaces) {
    ZeroRow rule;
    SimpleLinear model;
    const at::Tensor before = model.linear1->weight.detach().clone();
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(model);
    sparsifier.step();
    EXPECT_FALSE(at::equal(model.linear1->weight, before));
    sparsifier.prepare(model, SparsifyConfig{{.tensor_fqn = "linear2.weight"}});
    EXPECT_TRUE(at::equal(model.linear1->weight, before)) << "its original came back";
    EXPECT_EQ(sparsifier.steps_taken(), 0);
    EXPECT_EQ(sparsifier.group("linear2.weight").fake_sparsity.mask->pruned(), 0);
}

TEST(TestBaseSparsifier, step) {
    ZeroRow rule;
    SimpleLinear model;
    ModuleSparsifier sparsifier(rule);
    EXPECT_EQ(error_of([&] { sparsifier.step(); }).kind(), ErrorKind::state);
    sparsifier.prepare(model, SparsifyConfig{{.tensor_fqn = "linear1.weight"}});
    const at::Tensor original = sparsifier.original("linear1.weight");
    EXPECT_TRUE(at::equal(model.linear1->weight, original)) << "a mask of ones hides nothing";
    sparsifier.step();
    const at::Tensor mask = to_tensor(*sparsifier.group("linear1.weight").fake_sparsity.mask);
    EXPECT_EQ(mask[0].sum().item<int64_t>(), 0);
    EXPECT_EQ(mask.sum().item<int64_t>(), 12);
    EXPECT_TRUE(at::equal(model.linear1->weight, original * mask));
    EXPECT_FALSE(model.linear1->weight.signbit()[0].any().item<bool>()) << "pruned weights are +0";
    EXPECT_TRUE(at::equal(sparsifier.original("linear1.weight"), original));
}

TEST(TestBaseSparsifier, step_passes_frozen_masks_by) {
    ZeroRow rule;
    SimpleLinear model;
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(model);
    sparsifier.enable_mask_update("seq.0.weight", false);
    sparsifier.step();
    EXPECT_EQ(rule.computed, 4);
    EXPECT_EQ(sparsifier.group("seq.0.weight").fake_sparsity.mask->pruned(), 0);
    sparsifier.enable_mask_update(true);
    sparsifier.step();
    EXPECT_EQ(sparsifier.group("seq.0.weight").fake_sparsity.mask->pruned(), 7);
    EXPECT_EQ(error_of([&] { sparsifier.enable_mask_update("nothing", true); }).kind(), ErrorKind::argument);
}

TEST(TestBaseSparsifier, step_is_all_or_nothing) {
    ZeroRow rule;
    rule.fails_on = "seq.2.weight";
    SimpleLinear model;
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(model);
    EXPECT_THAT(error_of([&] { sparsifier.step(); }).what(), HasSubstr("seq.2.weight"));
    EXPECT_EQ(sparsifier.steps_taken(), 0);
    for (const SparsifyGroup& group : sparsifier.groups()) {
        EXPECT_EQ(group.fake_sparsity.mask->pruned(), 0);
        EXPECT_EQ(weight(model, group.tensor_fqn).count_nonzero().item<int64_t>(), group.fake_sparsity.mask->size());
    }
}

TEST(TestBaseSparsifier, state_dict) {
    ZeroRow rule;
    SimpleLinear source_model, model;
    ModuleSparsifier source(rule), target(rule);
    source.prepare(source_model, SparsifyConfig{{.tensor_fqn = "linear1.weight", .options = keep_test(4)}});
    for (int i = 0; i < 3; ++i) source.step();
    source.enable_mask_update("linear1.weight", false);
    const ModuleSparsifierState state = source.state_dict();
    EXPECT_EQ(state.steps, 3);
    EXPECT_EQ(error_of([&] { target.load_state_dict(state); }).kind(), ErrorKind::state);
    target.prepare(model);
    target.step();
    const at::Tensor original = target.original("linear1.weight"), other = target.original("linear2.weight");
    for (int load = 0; load < 2; ++load) {
        target.load_state_dict(state);
        EXPECT_THAT(names(target), ElementsAre("linear1.weight")) << "groups are replaced";
        EXPECT_EQ(target.steps_taken(), 3);
        EXPECT_EQ(target.groups()[0].options.integer("test"), 4);
        EXPECT_FALSE(target.groups()[0].fake_sparsity.enabled);
        EXPECT_EQ(*target.groups()[0].fake_sparsity.mask, *state.groups[0].fake_sparsity.mask);
        EXPECT_TRUE(at::equal(model.linear1->weight, original * to_tensor(*state.groups[0].fake_sparsity.mask)));
        EXPECT_TRUE(at::equal(model.linear2->weight, other)) << "not in the state: the original is back";
    }
    EXPECT_EQ(source.groups()[0].fake_sparsity.mask->pruned(), 4) << "the source is as it was";
    target.enable_mask_update(true);
    target.step();
    EXPECT_FALSE(source.groups()[0].fake_sparsity.enabled);
}

TEST(TestBaseSparsifier, load_state_dict_errors_change_nothing) {
    ZeroRow rule;
    SimpleLinear model;
    ModuleSparsifier sparsifier(rule);
    sparsifier.prepare(model);
    ModuleSparsifierState state = sparsifier.state_dict();
    state.groups[0].tensor_fqn = "linear9.weight";
    EXPECT_THAT(error_of([&] { sparsifier.load_state_dict(state); }).what(), HasSubstr("linear9.weight"));
    EXPECT_EQ(sparsifier.groups().size(), 5u);
    ModuleSparsifierState narrow = sparsifier.state_dict();
    narrow.groups[4].fake_sparsity.mask = std::make_shared<const Mask>(Mask::zeros({4, 5}));
    EXPECT_THAT(error_of([&] { sparsifier.load_state_dict(narrow); }).what(), HasSubstr("[4, 5]"));
    ModuleSparsifierState twice = sparsifier.state_dict();
    twice.groups.push_back(twice.groups[0]);
    EXPECT_THAT(error_of([&] { sparsifier.load_state_dict(twice); }).what(), HasSubstr("twice"));
    EXPECT_EQ(sparsifier.groups().size(), 5u);
    sparsifier.load_state_dict(state, false);
    EXPECT_EQ(sparsifier.groups().size(), 4u);
}

TEST(TestBaseSparsifier, mask_squash) {
    ZeroRow rule;
    SimpleLinear model;
    const at::Tensor parameter = model.linear1->weight;
    ModuleSparsifier sparsifier(rule);
    EXPECT_EQ(error_of([&] { sparsifier.squash_mask(); }).kind(), ErrorKind::state);
    sparsifier.prepare(model, SparsifyConfig{{.tensor_fqn = "linear1.weight"}, {.tensor_fqn = "seq.0.weight"}});
    sparsifier.step();
    const at::Tensor original = sparsifier.original("linear1.weight"), other = model.linear2->weight.detach().clone();
    EXPECT_TRUE(MaskedTensor::is_masked(model.linear1->weight));
    EXPECT_FALSE(MaskedTensor::is_masked(model.linear2->weight));
    sparsifier.squash_mask();
    EXPECT_FALSE(MaskedTensor::is_masked(model.linear1->weight));
    EXPECT_TRUE(at::equal(model.linear1->weight, original * to_tensor(*sparsifier.groups()[0].fake_sparsity.mask)));
    EXPECT_TRUE(at::equal(model.linear2->weight, other));
    EXPECT_TRUE(parameter.is_same(model.linear1->weight));
    EXPECT_TRUE(model.linear1->weight.requires_grad());
    EXPECT_EQ(sparsifier.groups().size(), 2u) << "groups and masks stay";
    EXPECT_TRUE(sparsifier.sparse_params("linear1.weight").values().empty());
    for (const auto& call : std::vector<std::function<void()>>{
             [&] { sparsifier.squash_mask(); }, [&] { sparsifier.step(); }, [&] { sparsifier.apply_masks(); },
             [&] { sparsifier.original("linear1.weight"); }})
        EXPECT_EQ(error_of(call).kind(), ErrorKind::state);
    sparsifier.prepare(model);
    EXPECT_EQ(sparsifier.groups().size(), 5u) << "a new life may begin";
}

/// Two of the five layers prepared, with the options test 3, other 5 and more 7.
struct TwoPrepared {
    TwoPrepared() {
        sparsifier.prepare(model, SparsifyConfig{{.tensor_fqn = "linear1.weight"}, {.tensor_fqn = "seq.0.weight"}});
    }
    void expect_kept(const Options& of_linear1, const Options& of_seq_0) const {
        for (const char* fqn : {"linear1.weight", "seq.0.weight"})
            EXPECT_FALSE(MaskedTensor::is_masked(weight(model, fqn))) << fqn;
        EXPECT_EQ(sparsifier.sparse_params("linear1.weight"), of_linear1);
        EXPECT_EQ(sparsifier.sparse_params("seq.0.weight"), of_seq_0);
    }

    ZeroRow rule;
    SimpleLinear model;
    ModuleSparsifier sparsifier{rule, keep_test(3)};
};

TEST(TestBaseSparsifier, mask_squash_with_params1) {
    TwoPrepared two;
    two.sparsifier.squash_mask({}, {{"linear1", {"test", "other"}}, {"seq.0", {"more"}}, {"no.such.layer", {"test"}}});
    two.expect_kept(kept({{"test", 3}, {"other", 5}}), kept({{"more", 7}}));
}

TEST(TestBaseSparsifier, mask_squash_with_params2) {
    TwoPrepared two;
    two.sparsifier.squash_mask({"test", "other"});
    two.expect_kept(kept({{"test", 3}, {"other", 5}}), kept({{"test", 3}, {"other", 5}}));
}

TEST(TestBaseSparsifier, mask_squash_with_params3) {
    TwoPrepared two;
    EXPECT_THAT(error_of([&] { two.sparsifier.squash_mask({"mask"}); }).what(), HasSubstr("mask"));
    EXPECT_TRUE(MaskedTensor::is_masked(two.model.linear1->weight)) << "nothing was squashed";
    two.sparsifier.squash_mask({"test", "other"}, {{"seq.0", {"more"}}});
    two.expect_kept(kept({{"test", 3}, {"other", 5}}), kept({{"test", 3}, {"other", 5}, {"more", 7}}));
}

TEST(TestBaseSparsifier, the_original_comes_back_with_an_unsquashed_sparsifier_gone) {
    ZeroRow rule;
    SimpleLinear model;
    const at::Tensor before = model.linear1->weight.detach().clone();
    {
        ModuleSparsifier sparsifier(rule);
        sparsifier.prepare(model);
        sparsifier.step();
        ModuleSparsifier moved(std::move(sparsifier));
        EXPECT_FALSE(at::equal(model.linear1->weight, before));
    }
    EXPECT_TRUE(at::equal(model.linear1->weight, before));
    EXPECT_FALSE(MaskedTensor::is_masked(model.linear1->weight));
}

TEST(TestWeightNormSparsifier, prepare) {
    SimpleLinear model;
    ModuleSparsifier sparsifier(lacuna::sparsifier("weight_norm"));
    sparsifier.prepare(model);
    EXPECT_EQ(sparsifier.groups().size(), 5u);
    for (const SparsifyGroup& group : sparsifier.groups()) {
        EXPECT_TRUE(MaskedTensor::is_masked(weight(model, group.tensor_fqn)));
        EXPECT_EQ(*group.fake_sparsity.mask, Mask::ones(weight(model, group.tensor_fqn).sizes().vec()));
        EXPECT_EQ(group.options.integer("zeros_per_block"), 4);
    }
}

TEST(TestWeightNormSparsifier, mask_squash) {
    SimpleLinear model;
    ModuleSparsifier sparsifier(lacuna::sparsifier("weight_norm"));
    sparsifier.prepare(model);
    sparsifier.step();
    std::map<std::string, at::Tensor> expected;
    for (const SparsifyGroup& group : sparsifier.groups())
        expected[group.tensor_fqn] = sparsifier.original(group.tensor_fqn) * to_tensor(*group.fake_sparsity.mask);
    sparsifier.squash_mask();
    for (const SparsifyGroup& group : sparsifier.groups()) {
        EXPECT_GT(group.fake_sparsity.mask->pruned(), 0) << group.tensor_fqn;
        EXPECT_FALSE(MaskedTensor::is_masked(weight(model, group.tensor_fqn)));
        EXPECT_TRUE(at::equal(weight(model, group.tensor_fqn), expected[group.tensor_fqn])) << group.tensor_fqn;
        EXPECT_FALSE(weight(model, group.tensor_fqn).grad_fn());
    }
}

TEST(TestNearlyDiagonalSparsifier, mask_squash) {
    SimpleLinear model;
    ModuleSparsifier sparsifier(lacuna::sparsifier("nearly_diagonal"));
    sparsifier.prepare(model, SparsifyConfig{{.tensor_fqn = "linear1.weight"}});
    const at::Tensor original = sparsifier.original("linear1.weight");
    sparsifier.step();
    sparsifier.squash_mask();
    EXPECT_TRUE(at::equal(model.linear1->weight, original.diag().diag()));
}

}  // namespace
}  // namespace lacuna
