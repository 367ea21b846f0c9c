#include "engine/torch/tensor.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace lacuna {
namespace {

TEST(TorchTensor, views_share_memory_both_ways) {
    std::vector<float> values{1, 2, 3, 4, 5, 6};
    const TensorView view = contiguous_view(values.data(), DType::F32, {2, 3});
    const at::Tensor tensor = as_tensor(view);
    values[4] = 50;
    EXPECT_EQ(tensor[1][1].item<float>(), 50);
    const TensorView back = as_view(tensor.t());
    EXPECT_EQ(back.data, view.data);
    EXPECT_EQ(back.shape, (Shape{3, 2}));
    EXPECT_EQ(back.strides, (Shape{1, 3}));
    EXPECT_TRUE(at::equal(as_tensor(back), tensor.t()));
}

TEST(TorchTensor, element_types_go_across_and_back) {
    int known = 0;
    for (int i = 0; i < dtype_count; ++i) {
        const DType dtype = DType(i);
        try {
            const at::ScalarType type = to_scalar_type(dtype);
            EXPECT_EQ(to_dtype(type), dtype) << dtype_name(dtype);
            EXPECT_EQ(c10::elementSize(type) * 8, size_t(dtype_bits(dtype))) << dtype_name(dtype);
            ++known;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::argument);
        }
    }
    EXPECT_EQ(known, 21) << "all but the quantised and the sub-byte ones";
}

TEST(TorchTensor, masks_go_across_and_back) {
    Mask mask = Mask::ones({3, 50});
    mask.set_range(40, 75, false);
    const at::Tensor tensor = to_tensor(mask);
    EXPECT_EQ(tensor.sizes(), (at::IntArrayRef{3, 50}));
    EXPECT_EQ(tensor.sum().item<int64_t>(), mask.kept());
    EXPECT_EQ(to_mask(tensor), mask);
    EXPECT_EQ(to_mask(tensor.t().contiguous().t().to(at::kHalf)), mask) << "any dtype, any strides";
}

TEST(TorchTensor, sparse_tensors_cannot_be_seen_in_place) {
    EXPECT_THROW(as_view(at::zeros({2, 2}).to_sparse()), Error);
}

}  // namespace
}  // namespace lacuna
