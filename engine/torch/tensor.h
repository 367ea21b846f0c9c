#pragma once

#include <ATen/core/Tensor.h>

#include "engine/mask/mask.h"
#include "engine/tensor/tensor_view.h"

namespace lacuna {

/// LibTorch's name of an element type. Throws Error(argument) for those that LibTorch has no tensor for (F4, F6 kinds)
/// and for quantised ones, which need a scale beside the data.
at::ScalarType to_scalar_type(DType dtype);
/// The reverse. Throws Error(argument) for a type that no checkpoint holds.
DType to_dtype(at::ScalarType type);

/// `view` as a CPU tensor over the same memory: no copy, same strides. Valid as long as the view's memory; writing to
/// it is up to the caller, who must know that the memory is writable (a Checkpoint's is not).
at::Tensor as_tensor(const TensorView& view);
/// A dense CPU tensor seen by the engine: no copy, same strides. Valid as long as the tensor's storage.
/// Throws Error(argument) for a tensor on another device or without plain storage.
TensorView as_view(const at::Tensor& tensor);

/// The mask as a BOOL tensor of its shape on the CPU; true keeps.
at::Tensor to_tensor(const Mask& mask);
/// From a dense tensor of any device and dtype: values that are not zero keep.
Mask to_mask(const at::Tensor& tensor);

}  // namespace lacuna
