#pragma once

#include <string>

namespace torch::jit {
struct Module;
}

namespace lacuna {

/// Compiles methods into `module`. Beside `torch`, the source may use the operators of LibTorch's namespaces
/// `quantized` and `sparse` by those names.
void define(torch::jit::Module& module, const std::string& source);

/// A module of class `__torch__.lacuna.NAME`.
torch::jit::Module script_module(const std::string& name);

}  // namespace lacuna
