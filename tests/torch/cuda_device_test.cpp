#include "engine/torch/cuda_device.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <memory>

#include "engine/base/error.h"
#include "engine/sparsifiers/arranged.h"
#include "engine/torch/device.h"
#include "engine/torch/module_sparsifier.h"
#include "engine/torch/tensor.h"
#include "tests/cuda/emulated_table.h"
#include "tests/torch/modules.h"

namespace lacuna {
namespace {

/// The kernels as the processor plays them, and, where there is a GPU, on it.
class CudaDeviceTest : public testing::TestWithParam<bool> {
  protected:
    void SetUp() override {
        if (!GetParam()) {
            device_ = std::make_unique<CudaDevice>(cuda::emulated_table(), c10::kCPU);
            return;
        }
        try {
            place_ = find_device("cuda");
            device_ = make_cuda_device(place_);
        } catch (const Error& error) {
            GTEST_SKIP() << error.what();
        }
    }

    static Mask some_mask(const Shape& shape) {
        Mask mask = Mask::ones(shape);
        for (int64_t i = 0; i < mask.size(); i += 3) mask.set(i, false);
        return mask;
    }

    c10::Device place_ = c10::kCPU;
    std::unique_ptr<CudaDevice> device_;
};

TEST_P(CudaDeviceTest, gives_the_processor_s_masks) {
    at::manual_seed(3);
    const Shape shapes[] = {{37, 52}, {48, 64}, {6, 8, 3, 3}, {300}};
    const BlockRule rules[] = {{.level = .5, .block = {1, 1}, .zeros = 1},  {.level = .3, .block = {1, 4}, .zeros = 4},
                               {.level = .7, .block = {4, 4}, .zeros = 16}, {.level = 1, .block = {1, 4}, .zeros = 2},
                               {.level = .6, .block = {1, 4}, .zeros = 2},  {.level = 0, .block = {1, 4}, .zeros = 2},
                               {.level = .5, .block = {1, 4}, .zeros = 0}};
    for (const Shape& shape : shapes)
        for (const at::ScalarType type : {at::kHalf, at::kBFloat16, at::kFloat, at::kDouble})
            for (const BlockRule& rule : rules) {
                const at::Tensor weight = at::randn(shape).to(type);
                const Mask current = some_mask(shape);
                const Mask expected = prune_tensor(as_view(weight), &current, true, rule);
                EXPECT_EQ(device_->prune(as_view(weight), &current, true, rule), expected) << to_string(shape) << type;
                const at::Tensor there = weight.to(place_);  // not copied again where it lies on the GPU
                EXPECT_EQ(device_->prune(CudaDevice::view_of(there), &current, true, rule), expected);
            }
}

TEST_P(CudaDeviceTest, sees_through_strides) {
    const at::Tensor weight = at::randn({40, 24}).t();
    const BlockRule rule{.level = .5, .block = {1, 4}, .zeros = 4};
    EXPECT_EQ(device_->prune(CudaDevice::view_of(weight.to(place_)), nullptr, false, rule),
              prune_tensor(as_view(weight), nullptr, false, rule));
}

TEST_P(CudaDeviceTest, leaves_to_the_processor_what_it_does_not_know) {
    const at::Tensor weight = at::randn({8, 8}), bytes = weight.to(at::kFloat8_e4m3fn);
    const BlockRule lowest{.level = .5, .block = {1, 1}, .zeros = 1};
    BlockRule aten = lowest;
    aten.ties = Ties::aten;
    EXPECT_EQ(device_->prune(as_view(weight), nullptr, false, aten), std::nullopt);
    EXPECT_EQ(device_->prune(as_view(bytes), nullptr, false, lowest), std::nullopt);
    const at::Tensor there = weight.to(place_);
    EXPECT_EQ(prune_tensor(CudaDevice::view_of(there), nullptr, false, aten, device_.get()),
              prune_tensor(as_view(weight), nullptr, false, aten));
}

TEST_P(CudaDeviceTest, applies_and_counts) {
    const Mask mask = some_mask({7, 31});
    const at::Tensor words = device_->upload(mask);
    EXPECT_EQ(device_->download(words, mask.shape()), mask);
    EXPECT_EQ(device_->count_kept(words, mask.size()), mask.kept());
    for (const at::ScalarType type : {at::kChar, at::kHalf, at::kFloat, at::kDouble, at::kComplexDouble}) {
        const at::Tensor before = at::empty({7, 31}, at::TensorOptions(type)).fill_(-3);
        at::Tensor weight = before.to(place_, type, /*non_blocking=*/false, /*copy=*/true);
        device_->apply_mask(words, weight);
        EXPECT_TRUE(weight.cpu().equal(before * to_tensor(mask))) << type;
    }
}

/// A module is pruned where it lies: two steps, trained between them, give the masks that they give on the processor.
TEST_P(CudaDeviceTest, prunes_live_modules) {
    const auto masks = [](c10::Device place) {
        at::manual_seed(5);
        testing_support::SimpleLinear model;
        model.to(place);
        Options options;
        options.set("sparsity_level", 0.5);
        ModuleSparsifier sparsifier(lacuna::sparsifier("weight_norm"), options);
        sparsifier.prepare(model);
        sparsifier.step();
        {
            const at::NoGradGuard no_grad;
            model.linear2->weight.mul_(2).add_(model.linear2->weight.sin());
        }
        sparsifier.step();
        model.forward(at::ones({2, 7}, at::TensorOptions(place)));
        EXPECT_EQ(model.linear2->weight.device().type(), place.type());
        std::vector<Mask> found;
        for (const SparsifyGroup& group : sparsifier.groups()) found.push_back(*group.fake_sparsity.mask);
        return found;
    };
    EXPECT_EQ(masks(place_), masks(c10::kCPU));
}

INSTANTIATE_TEST_SUITE_P(kernels, CudaDeviceTest, testing::Bool(),
                         [](const auto& param) { return param.param ? "on_gpu" : "emulated"; });

}  // namespace
}  // namespace lacuna
