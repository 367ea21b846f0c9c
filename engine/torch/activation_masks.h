#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

namespace torch::jit {
struct Module;
}

namespace lacuna {

using Features = std::optional<std::vector<std::vector<int64_t>>>;  ///< as in ActivationConfig

/// `input` itself, or for each entry of `features` what it names along `feature_dim`. Throws Error(argument) naming
/// `layer` for a dimension or an index that the input does not have.
std::vector<at::Tensor> parts_of(const at::Tensor& input, const Features& features, std::optional<int64_t> feature_dim,
                                 const std::string& layer);

/// `input` with its parts multiplied with their masks, in a new tensor of its dtype; gradients flow. Throws as
/// `parts_of` does, and for a mask that does not broadcast to its part.
at::Tensor masked(const at::Tensor& input, const std::vector<at::Tensor>& masks, const Features& features,
                  std::optional<int64_t> feature_dim, const std::string& layer);

/// Masks for the first input of a layer.
struct BuiltInMask {
    std::string layer;  ///< FQN
    std::vector<at::Tensor> masks;
    Features features;
    std::optional<int64_t> feature_dim;
};

/// A clone of `model`, sharing its tensors, whose code multiplies those layers' first inputs with these masks: plain
/// TorchScript, to be saved and run without Lacuna. Throws Error(argument) for a layer whose first input is no tensor.
torch::jit::Module with_masks(const torch::jit::Module& model, const std::vector<BuiltInMask>& masks);

}  // namespace lacuna
