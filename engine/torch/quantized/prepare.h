#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/torch/quantized/ranges.h"

namespace torch::jit {
struct Module;
}

namespace lacuna {

/// How each layer is quantised, by module FQN.
using QConfigs = std::map<std::string, QConfig, std::less<>>;

// The steps that come before a conversion to quantised layers, as torch.ao.quantization's eager mode has them, on
// TorchScript modules. Each gives a new module that shares every tensor with `model`, masked ones too: a
// ModuleSparsifier that prepared the one goes on working on the other. `model` itself stays as it is. They throw
// Error(argument), naming the layer, for one that does not exist, is of another kind, or cannot be replaced
// (replace.h).

/// Each pair is a Linear layer and the ReLU that follows it. The Linear's place takes a LinearReLU, which holds both as
/// "0" and "1" (so the weight is then `5.0.weight`); the ReLU's place takes an Identity.
torch::jit::Module fuse(const torch::jit::Module& model, const std::vector<std::pair<std::string, std::string>>& pairs);

/// Each layer (Linear or LinearReLU) computes as before, and its `activation_pre_process` and `activation_post_process`
/// take down the smallest and largest value that comes in and goes out, over all calls until `convert`.
torch::jit::Module prepare(const torch::jit::Module& model, const QConfigs& layers);

/// As `prepare`, and the layers compute with weights and outputs rounded as they will be (fake_quantize), gradients
/// passing straight through, for training.
torch::jit::Module prepare_qat(const torch::jit::Module& model, const QConfigs& layers);

}  // namespace lacuna
