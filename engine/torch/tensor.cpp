#include "engine/torch/tensor.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <string>
#include <utility>

#include "engine/base/error.h"

namespace lacuna {
namespace {

constexpr std::pair<DType, at::ScalarType> types[] = {
    {DType::F64, at::kDouble},
    {DType::F32, at::kFloat},
    {DType::F16, at::kHalf},
    {DType::BF16, at::kBFloat16},
    {DType::F8_E4M3, at::kFloat8_e4m3fn},
    {DType::F8_E5M2, at::kFloat8_e5m2},
    {DType::F8_E4M3FNUZ, at::kFloat8_e4m3fnuz},
    {DType::F8_E5M2FNUZ, at::kFloat8_e5m2fnuz},
    {DType::F8_E8M0, at::kFloat8_e8m0fnu},
    {DType::I64, at::kLong},
    {DType::I32, at::kInt},
    {DType::I16, at::kShort},
    {DType::I8, at::kChar},
    {DType::U8, at::kByte},
    {DType::BOOL, at::kBool},
    {DType::U64, at::kUInt64},
    {DType::U32, at::kUInt32},
    {DType::U16, at::kUInt16},
    {DType::C32, at::kComplexHalf},
    {DType::C64, at::kComplexFloat},
    {DType::C128, at::kComplexDouble},
};

}  // namespace

at::ScalarType to_scalar_type(DType dtype) {
    for (const auto& [ours, theirs] : types)
        if (ours == dtype) return theirs;
    throw Error(ErrorKind::argument, "", "LibTorch has no plain tensor of type " + std::string(dtype_name(dtype)));
}

DType to_dtype(at::ScalarType type) {
    for (const auto& [ours, theirs] : types)
        if (theirs == type) return ours;
    throw Error(ErrorKind::argument, "", std::string("no checkpoint holds tensors of type ") + c10::toString(type));
}

at::Tensor as_tensor(const TensorView& view) {
    void* data = const_cast<std::byte*>(view.data);
    return at::from_blob(data, view.shape, view.strides, at::TensorOptions(to_scalar_type(view.dtype)));
}

TensorView as_view(const at::Tensor& tensor) {
    if (!tensor.device().is_cpu() || tensor.layout() != at::kStrided || tensor.is_quantized())
        throw Error(ErrorKind::argument, "", "a tensor on " + tensor.device().str() + " cannot be seen in place",
                    "copy it to the CPU as a dense tensor first");
    return {static_cast<const std::byte*>(tensor.const_data_ptr()), to_dtype(tensor.scalar_type()),
            tensor.sizes().vec(), tensor.strides().vec()};
}

at::Tensor to_tensor(const Mask& mask) {
    at::Tensor tensor = at::empty(mask.shape(), at::TensorOptions(at::kBool));
    mask.to_bytes({static_cast<uint8_t*>(tensor.mutable_data_ptr()), size_t(mask.size())});
    return tensor;
}

Mask to_mask(const at::Tensor& tensor) {
    return Mask::from_tensor(as_view(tensor.detach().cpu()));
}

}  // namespace lacuna
