// Upstream's TestPostTrainingCallback and TestTrainingAwareCallback.

#include "engine/torch/data_callbacks.h"

#include <gmock/gmock.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>

#include "engine/base/error.h"
#include "engine/schedulers/lambda.h"
#include "tests/support/problem_of.h"
#include "tests/torch/modules.h"

namespace lacuna {
namespace {

using testing::HasSubstr;
using testing_support::problem_of;

/// Biases, and two parameters whose names differ in "." and "_" alone, which upstream takes for one.
struct NetImpl : torch::nn::Cloneable<NetImpl> {
    NetImpl() { reset(); }
    void reset() override {
        torch::manual_seed(3);
        a = register_module("a", torch::nn::Linear(8, 16));
        b = register_module("b", torch::nn::Linear(16, 4));
        a_weight = register_parameter("a_weight", torch::randn({16, 16}));
    }
    at::Tensor forward(const at::Tensor& x) { return b(at::relu(at::matmul(a(x), a_weight))); }

    torch::nn::Linear a{nullptr}, b{nullptr};
    at::Tensor a_weight;
};
TORCH_MODULE(Net);

Options level(double value) {
    Options options;
    options.set("sparsity_level", value);
    options.set("sparse_block_shape", std::vector<int64_t>{1, 4});
    return options;
}

std::map<std::string, at::Tensor> values_of(const torch::nn::Module& model) {
    std::map<std::string, at::Tensor> values;
    for (const auto& parameter : model.named_parameters()) values[parameter.key()] = parameter.value().detach().clone();
    return values;
}

TEST(TestPostTrainingCallback, post_training_callback) {
    Net model;
    const auto before = values_of(*model);
    PostTrainingSparsity callback(sparsifier("data_norm"), level(0.5));
    EXPECT_EQ(&callback.rule(), &sparsifier("data_norm"));
    EXPECT_EQ(callback.options(), level(0.5));
    EXPECT_EQ(callback.sparsified(), nullptr);

    callback.on_fit_end(*model);
    ASSERT_NE(callback.sparsified(), nullptr);
    EXPECT_FALSE(callback.sparsified()->is_training());
    EXPECT_TRUE(model->is_training());
    const auto pruned = values_of(*callback.sparsified());
    ASSERT_EQ(pruned.size(), 5u);
    for (const auto& [name, value] : before) {
        EXPECT_TRUE(model->named_parameters()[name].equal(value)) << "the model itself stays as it is";
        const at::Tensor mask = callback.data_sparsifier()->get_mask(name);
        const int64_t blocks = value.numel() / 4, gone = 4 * int64_t(std::nearbyint(0.5 * double(blocks)));
        EXPECT_EQ(mask.logical_not().sum().item<int64_t>(), gone) << name;
        EXPECT_TRUE(pruned.at(name).equal(value * mask)) << name << ": kept values are unchanged, the others zero";
        EXPECT_EQ(gone > 0, name != "b.bias") << name;  // one block alone, half of which is none
    }
    for (const ParameterSparsity& one : callback.sparsity())
        EXPECT_EQ(one.sparsity, one.name == "b.bias" ? 0.0 : 0.5) << one.name;
}

TEST(TestPostTrainingCallback, a_model_that_cannot_be_cloned_is_pruned_in_place) {
    testing_support::SimpleLinear model;
    PostTrainingSparsity callback(sparsifier("data_norm"), level(1));
    callback.sparsify(model);
    EXPECT_EQ(callback.sparsified(), nullptr);
    for (const auto& parameter : model.named_parameters())
        EXPECT_EQ(parameter.value().count_nonzero().item<int64_t>(), 0);
}

/// Twice the level at every epoch, as upstream's test has it.
SchedulePtr doubling() {
    return function_schedule([](const ScheduleRequest& request) -> std::optional<double> {
        return request.epoch > 0 ? *request.current * 2 : request.base;
    });
}

void train_an_epoch(Net& model, torch::optim::Optimizer& optimizer, TrainingAwareSparsity& callback) {
    for (int batch = 0; batch < 3; ++batch) {
        optimizer.zero_grad();
        const at::Tensor x = torch::randn({32, 8});
        torch::nn::functional::mse_loss(model->forward(x), x.slice(1, 0, 4)).backward();
        optimizer.step();
        callback.on_train_batch_end();
    }
}

TEST(TestTrainingAwareCallback, train_aware_callback) {
    Net model;
    torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(0.01).momentum(0.9));
    constexpr double base = 0.025;
    TrainingAwareSparsity callback(sparsifier("data_norm"), level(base), doubling());
    EXPECT_THAT(problem_of([&] { callback.on_train_epoch_end(); }), HasSubstr("training has not started"));
    callback.on_train_start(*model);
    EXPECT_THAT(problem_of([&] { callback.on_train_start(*model); }), HasSubstr("has started already"));
    EXPECT_EQ(callback.pruning().size(), 5u) << "names that differ in '.' and '_' are two";
    std::map<std::string, Mask> last;
    for (int epoch = 1; epoch <= 5; ++epoch) {
        train_an_epoch(model, optimizer, callback);
        for (const auto& [name, mask] : last)  // the next epoch begins with the masks that the last one ended with
            EXPECT_EQ(callback.pruning().get_mask(name), mask);
        const double level_now = callback.pruning().options("a.weight").number("sparsity_level");
        callback.on_train_epoch_end();
        EXPECT_EQ(callback.pruning().steps_taken(), epoch);
        for (size_t i = 0; i < callback.pruning().size(); ++i) {
            const std::string& name = callback.pruning().name(i);
            EXPECT_DOUBLE_EQ(callback.pruning().options(name).number("sparsity_level"), base * std::pow(2, epoch));
            const Mask& mask = callback.pruning().get_mask(name);
            EXPECT_EQ(mask.pruned(), 4 * int64_t(std::nearbyint(level_now * double(mask.size() / 4)))) << name;
            const at::Tensor live = model->named_parameters()[name].detach().flatten();
            for (int64_t k = 0; k < mask.size(); ++k)
                ASSERT_TRUE(mask[k] || live[k].item<float>() == 0) << name << ": the trained model itself is masked";
            last.insert_or_assign(name, mask);
        }
    }
    EXPECT_GT(last.at("a_weight").pruned(), 0);
    EXPECT_GT(last.at("a.bias").pruned(), 0);
    callback.on_train_end();
    EXPECT_THAT(problem_of([&] { callback.on_train_batch_end(); }), HasSubstr("training has ended"));
    for (const auto& [name, mask] : last)
        EXPECT_GE(model->named_parameters()[name].eq(0).sum().item<int64_t>(), mask.pruned()) << "for good";
    for (const ParameterSparsity& one : callback.sparsity()) EXPECT_EQ(one.sparsity, last.at(one.name).sparsity());
}

TEST(TestTrainingAwareCallback, an_unfinished_training_gives_the_originals_back) {
    Net model;
    const auto before = values_of(*model);
    {
        TrainingAwareSparsity callback(sparsifier("data_norm"), level(0.9), doubling());
        callback.on_train_start(*model);
        callback.on_train_epoch_end();
        EXPECT_GT(model->a->weight.eq(0).sum().item<int64_t>(), 100);
    }
    for (const auto& [name, value] : before) EXPECT_TRUE(model->named_parameters()[name].equal(value)) << name;
}

}  // namespace
}  // namespace lacuna
