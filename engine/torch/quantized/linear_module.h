#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

#include "engine/mask/mask.h"
#include "engine/torch/quantized/ranges.h"

namespace torch::jit {
struct Module;
}

namespace lacuna {

/// A linear layer of a TorchScript model, as `read_linear` finds it. Tensors are the layer's own.
struct LinearParts {
    at::Tensor weight;               ///< (out, in)
    std::optional<at::Tensor> bias;  ///< (out)
    bool relu = false;               ///< followed by ReLU: a fused layer
    /// What the layer's observers saw, where it has observers (prepare.h) and they saw anything.
    std::optional<ValueRange> input, output;
    std::optional<QConfig> qconfig;  ///< what it was prepared with
};

/// Takes a Linear, LinearReLU, and what `prepare` and `prepare_qat` make of them apart; nothing: another layer.
std::optional<LinearParts> read_linear(const torch::jit::Module& module);

// Layers that take and give FLOAT tensors (N…, in) → (N…, out), or (in) → (out), and compute on integers in between.
// Those that take `weight` quantised want QINT8 with zero point 0; other dtypes of input are converted and back.
// `relu`: followed by ReLU. The class is named as the function is, in the words of torch.ao.nn. Throw Error(argument)
// saying what does not fit: a weight zero point that is not 0, a block shape that the engine lacks; Error(missing).

/// SparseQuantizedLinear: sparse::qlinear between quantize and dequantize. FBGEMM; the module loads under that engine.
torch::jit::Module sparse_quantized_linear(const at::Tensor& weight, const std::optional<at::Tensor>& bias, bool relu,
                                           BlockShape block, const QuantisedScale& input, const QuantisedScale& output);
/// SparseQuantizedDynamicLinear: sparse::qlinear_dynamic. QNNPACK; the module loads and runs under that engine, on one
/// thread at a time.
torch::jit::Module sparse_quantized_dynamic_linear(const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                                                   bool relu, BlockShape block);
/// QuantizedLinear or QuantizedLinearReLU: quantized::linear between quantize and dequantize, on the engine of now.
torch::jit::Module quantized_linear(const at::Tensor& weight, const std::optional<at::Tensor>& bias, bool relu,
                                    const QuantisedScale& input, const QuantisedScale& output);
/// QuantizedDynamicLinear: quantized::linear_dynamic, on the engine of now.
torch::jit::Module quantized_dynamic_linear(const at::Tensor& weight, const std::optional<at::Tensor>& bias, bool relu);

/// The weight inside a layer that one of these made: QINT8 (out, in). Throws Error(argument) for another layer.
at::Tensor unpacked_weight(const torch::jit::Module& module);

}  // namespace lacuna
