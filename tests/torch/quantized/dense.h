#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/native/quantized/PackedParams.h>

#include <optional>

#include "engine/torch/quantized/engine_scope.h"

namespace lacuna::testing_support {

// LibTorch's dense quantised linear operators: what the sparse ones are compared with.

using DensePacked = c10::intrusive_ptr<::LinearPackedParamsBase>;

inline DensePacked dense_pack(const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
    return c10::Dispatcher::singleton()
        .findSchemaOrThrow("quantized::linear_prepack", "")
        .typed<DensePacked(at::Tensor, std::optional<at::Tensor>)>()
        .call(weight, bias);
}

inline at::Tensor dense_static(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                               double scale, int64_t zero_point, bool relu) {
    const EngineScope scope(sparse_static_engine);
    return c10::Dispatcher::singleton()
        .findSchemaOrThrow(relu ? "quantized::linear_relu" : "quantized::linear", "")
        .typed<at::Tensor(at::Tensor, const DensePacked&, double, int64_t)>()
        .call(input, dense_pack(weight, bias), scale, zero_point);
}

inline at::Tensor dense_dynamic(const at::Tensor& input, const at::Tensor& weight,
                                const std::optional<at::Tensor>& bias) {
    const EngineScope scope(sparse_dynamic_engine);
    return c10::Dispatcher::singleton()
        .findSchemaOrThrow("quantized::linear_dynamic", "")
        .typed<at::Tensor(at::Tensor, const DensePacked&, bool)>()
        .call(input, dense_pack(weight, bias), false);
}

/// Two quantised tensors with the same integers and the same scheme.
inline bool same_bits(const at::Tensor& a, const at::Tensor& b) {
    return a.qscheme() == b.qscheme() && a.int_repr().equal(b.int_repr()) && a.dequantize().equal(b.dequantize());
}

}  // namespace lacuna::testing_support
