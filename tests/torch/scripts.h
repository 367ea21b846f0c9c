#pragma once

#include <torch/script.h>

#include <string>
#include <utility>
#include <vector>

namespace lacuna::testing_support {

/// A TorchScript module with these parameters and this forward.
inline torch::jit::Module scripted(const std::string& name, const std::string& forward,
                                   const std::vector<std::pair<std::string, at::Tensor>>& parameters = {}) {
    torch::jit::Module module(name);
    for (const auto& [own, tensor] : parameters) module.register_parameter(own, tensor, false);
    module.define(forward);
    return module;
}

/// A linear layer without bias.
inline torch::jit::Module layer(const at::Tensor& weight) {
    return scripted("Linear", "def forward(self, x):\n    return torch.linear(x, self.weight)\n", {{"weight", weight}});
}

}  // namespace lacuna::testing_support
