#include "engine/torch/quantized/replace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "engine/torch/jit_modules.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/quantized/linear_module.h"
#include "engine/torch/quantized/prepare.h"
#include "tests/support/error_of.h"
#include "tests/torch/quantized/script_models.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing_support::error_of;
using testing_support::run;
using torch::jit::Module;

Module fixture(const std::string& name) {
    Module module = torch::jit::load(LACUNA_TEST_DATA "/torch/quantized/fixtures/" + name);
    module.eval();
    return module;
}

Module through_file(const Module& module) {
    std::stringstream file;
    module.save(file);
    return torch::jit::load(file);
}

std::string type_at(const Module& model, const std::string& fqn) {
    return type_name(fqn_to_module(model, fqn).value());
}

at::Tensor input() {
    at::manual_seed(3);
    return at::randn({4, 6});
}

/// Observed layers compute what the plain ones do, so replacing them must not change a bit.
TEST(Replace, every_way_of_calling_a_layer) {
    const Module model = fixture("many.pt");
    const at::Tensor before = run(model, input());
    const std::vector<std::string> all{"hooked", "list.0.fc", "list.1.fc", "shared", "branch", "forked.fc"};
    for (const std::string& fqn : all) {
        SCOPED_TRACE(fqn);
        const Module changed = prepare(model, {{fqn, QConfig{}}});
        EXPECT_EQ(type_at(changed, fqn), "ObservedLinear");
        EXPECT_TRUE(run(changed, input()).equal(before));
        EXPECT_TRUE(read_linear(fqn_to_module(changed, fqn).value())->output) << "it was called";
        EXPECT_TRUE(run(through_file(changed), input()).equal(before));
    }
    QConfigs every;
    for (const std::string& fqn : all) every.emplace(fqn, QConfig{});
    const Module changed = prepare(model, every);
    EXPECT_EQ(type_at(changed, "read"), "Linear");
    EXPECT_TRUE(run(changed, input()).equal(before));
    const Module loaded = through_file(changed);
    EXPECT_TRUE(run(loaded, input()).equal(before));
    EXPECT_TRUE(loaded.get_method("head")({input()}).toTensor().equal(model.get_method("head")({input()}).toTensor()));
    EXPECT_EQ(type_at(model, "hooked"), "Linear") << "the model itself stays as it is";
    EXPECT_TRUE(run(model, input()).equal(before));
}

TEST(Replace, traced_layers_that_are_called_twice) {
    const Module model = fixture("traced_twice.pt");
    const Module changed = prepare(model, {{"fc", QConfig{}}, {"inner.fc", QConfig{}}});
    EXPECT_TRUE(run(changed, input()).equal(run(model, input())));
    EXPECT_TRUE(run(through_file(changed), input()).equal(run(model, input())));
}

TEST(Replace, a_layer_with_two_names_is_replaced_under_both) {
    const Module layer = testing_support::script_linear(6, 6);
    const Module model = testing_support::script_sequential({layer, layer});
    const Module changed = prepare(model, {{"1", QConfig{}}});
    EXPECT_EQ(type_at(changed, "0"), "ObservedLinear");
    EXPECT_TRUE(fqn_to_module(changed, "0")->_ivalue() == fqn_to_module(changed, "1")->_ivalue());
    EXPECT_TRUE(run(changed, input()).equal(run(model, input())));
    EXPECT_THAT(error_of([&] {
                    prepare(model, {{"0", QConfig{}}, {"1", QConfig{}}});
                }).what(),
                HasSubstr("named twice"));
}

TEST(Replace, the_rest_is_shared) {
    const Module model = fixture("many.pt");
    const Module changed = prepare(model, {{"list.0.fc", QConfig{}}});
    EXPECT_TRUE(fqn_to_module(changed, "list.1")->_ivalue() == fqn_to_module(model, "list.1")->_ivalue());
    EXPECT_TRUE(fqn_to_tensor(changed, "list.0.fc.weight").is_same(fqn_to_tensor(model, "list.0.fc.weight")));
}

TEST(Replace, what_it_refuses) {
    const Module model = fixture("many.pt");
    const auto message = [&](const Module& root, const std::string& fqn) {
        const Error error = error_of([&] { prepare(root, {{fqn, QConfig{}}}); });
        EXPECT_EQ(error.kind(), ErrorKind::argument);
        EXPECT_EQ(error.where(), fqn);
        return std::string(error.what());
    };
    EXPECT_THAT(message(model, "nothing"), HasSubstr("no layer of that name"));
    EXPECT_THAT(message(model, "list"), HasSubstr("is a ModuleList"));
    const Module packed = quantized_dynamic_linear(quantised_weight(at::randn({6, 6}), true), {}, false);
    EXPECT_THAT(error_of([&] { replaced(model, {{"read", packed}}); }).what(), HasSubstr("reads this layer's bias"));
    EXPECT_THAT(why_not_replaced(model, "read", packed), HasSubstr("reads this layer's bias"));
    EXPECT_EQ(why_not_replaced(model, "shared", packed), "");
    EXPECT_THAT(error_of([&] { replaced(model, {{"", packed}}); }).what(), HasSubstr("root"));
    EXPECT_THAT(why_not_replaced(fixture("hook_reads.pt"), "fc", packed), HasSubstr("reads this layer's bias"));
}

}  // namespace
}  // namespace lacuna
