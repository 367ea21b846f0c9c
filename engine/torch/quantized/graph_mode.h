#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "engine/torch/quantized/ranges.h"

namespace torch::jit {
struct Module;
}

namespace lacuna {

// Quantisation of a whole TorchScript graph by LibTorch's own passes: the counterpart of torch.ao.quantization's FX
// graph mode, which needs Python. Throw Error(argument) for a model that the passes refuse.

/// A new module that shares every tensor with `model` (a ModuleSparsifier of the one goes on working on the other) and
/// observes each value that `convert_graph` will quantise. In between: run it on data.
torch::jit::Module prepare_graph(const torch::jit::Module& model, const QConfig& qconfig);

/// Weights and observed values quantised (zeros stay exactly zero); a deep copy. Fused to quantised operators with
/// packed weights, frozen; or `reference`: the float operators between quantize and dequantize, as a backend would read
/// them. Under the engine that is to run it.
torch::jit::Module convert_graph(const torch::jit::Module& prepared, bool reference = false);

/// The quantised weights of all linear operators in a fused model, QINT8 (out, in), in the order of its attributes.
std::vector<at::Tensor> graph_weights(const torch::jit::Module& converted);

}  // namespace lacuna
