#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace torch::jit {
struct Module;
}

namespace lacuna {

/// The last part of a module's class name: "Linear"; empty if it has none.
std::string type_name(const torch::jit::Module& module);

/// Everything below and including `root`, each once, with the first of its FQNs.
void for_each_module(const torch::jit::Module& root,
                     const std::function<void(const std::string& fqn, const torch::jit::Module& module)>& call);

/// Whether a TorchScript method is its module's forward: "forward", or what a trace calls further uses of the same
/// module ("forward1", "forward2", …).
bool is_forward(std::string_view method);

}  // namespace lacuna
