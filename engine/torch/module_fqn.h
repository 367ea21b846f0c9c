#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <string_view>

#include "engine/torch/module_tree.h"

namespace lacuna {

// torch.ao.pruning.sparsifier.utils for both kinds of module (docs/parity.md, names).

/// The FQN of `module` inside `root`, by identity and depth first; "" is the root itself, nothing: not in there.
std::optional<std::string> module_to_fqn(const torch::nn::Module& root, const torch::nn::Module& module);
std::optional<std::string> module_to_fqn(const torch::jit::Module& root, const torch::jit::Module& module);

/// The module called `fqn`, "" being the root; null or nothing if there is none. Lives as long as `root`.
torch::nn::Module* fqn_to_module(torch::nn::Module& root, std::string_view fqn);
std::optional<torch::jit::Module> fqn_to_module(const torch::jit::Module& root, std::string_view fqn);

/// The parameter or buffer called `fqn`; undefined if there is none.
at::Tensor fqn_to_tensor(const torch::nn::Module& root, std::string_view fqn);
at::Tensor fqn_to_tensor(const torch::jit::Module& root, std::string_view fqn);

/// A tensor FQN taken apart. The strings are filled in even where the module does not exist.
struct ArgInfo {
    torch::nn::Module* module = nullptr;  ///< null: there is none of that name
    std::string module_fqn, tensor_name, tensor_fqn;
};
ArgInfo get_arg_info_from_tensor_fqn(torch::nn::Module& root, std::string_view tensor_fqn);

}  // namespace lacuna
