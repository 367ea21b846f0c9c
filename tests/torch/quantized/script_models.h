#pragma once

#include <torch/script.h>

#include <string>
#include <vector>

namespace lacuna::testing_support {

// TorchScript modules as torch.jit.script writes them, without Python.

inline torch::jit::Module scripted(const std::string& name) {
    return torch::jit::Module(c10::QualifiedName("__torch__." + name));
}

inline torch::jit::Module script_linear(int64_t in, int64_t out, bool bias = true) {
    torch::jit::Module module = scripted("torch.nn.modules.linear.Linear");
    module.register_parameter("weight", at::randn({out, in}), false);
    if (bias)
        module.register_parameter("bias", at::randn({out}), false);
    else
        module.register_attribute("bias", c10::NoneType::get(), c10::IValue());
    module.define(
        "def forward(self, input: Tensor) -> Tensor:\n    return torch.linear(input, self.weight, self.bias)\n");
    return module;
}

inline torch::jit::Module script_relu() {
    torch::jit::Module module = scripted("torch.nn.modules.activation.ReLU");
    module.define("def forward(self, input: Tensor) -> Tensor:\n    return torch.relu(input)\n");
    return module;
}

inline torch::jit::Module script_sequential(const std::vector<torch::jit::Module>& children) {
    torch::jit::Module module = scripted("torch.nn.modules.container.Sequential");
    std::string source = "def forward(self, input: Tensor) -> Tensor:\n    x = input\n";
    for (size_t i = 0; i < children.size(); ++i) {
        const std::string name = std::to_string(i);
        module.register_module(name, children[i]);
        source += "    x = getattr(self, \"" + name + "\").forward(x)\n";
    }
    module.define(source + "    return x\n");
    return module;
}

/// The model that most of upstream's tests prune (tests/torch/modules.h), scripted.
inline torch::jit::Module script_simple_linear() {
    torch::jit::Module model = scripted("SimpleLinear");
    model.register_module(
        "seq", script_sequential({script_linear(7, 5, false), script_linear(5, 6, false), script_linear(6, 4, false)}));
    model.register_module("linear1", script_linear(4, 4, false));
    model.register_module("linear2", script_linear(4, 10, false));
    model.define(
        "def forward(self, x: Tensor) -> Tensor:\n"
        "    return self.linear2.forward(self.linear1.forward(self.seq.forward(x)))\n");
    return model;
}

inline at::Tensor run(const torch::jit::Module& module, const at::Tensor& input) {
    const at::NoGradGuard no_grad;
    torch::jit::Module callable = module;
    return callable.forward({input}).toTensor();
}

}  // namespace lacuna::testing_support
