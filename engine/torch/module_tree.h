#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace torch::nn {
class Module;
}
namespace torch::jit {
struct Module;
}

namespace lacuna {

/// A module of a `torch::nn::Module` or `torch::jit::Module` tree, with handles on its own tensors.
struct ModuleNode {
    std::string fqn;                                          ///< "" is the root
    bool linear = false;                                      ///< exactly torch's Linear; subclasses are not
    std::vector<std::pair<std::string, at::Tensor>> tensors;  ///< parameters, then buffers, by their own names
    std::vector<size_t> children;                             ///< indices into ModuleTree::nodes
};

/// A module's tree, root first, children in their order. A module registered under two names is there twice.
/// The handles stay valid, and refer to the model's own tensors, even where the model is moved or converted.
struct ModuleTree {
    std::vector<ModuleNode> nodes;

    /// The tensor called `fqn`; undefined if there is none.
    at::Tensor find(std::string_view fqn) const;
    /// FQNs of the weights of all Linear layers below the root, in the order in which torch.ao.pruning prepares them: a
    /// module's own Linears, then what is inside the last of its other children (docs/parity.md, base sparsifier).
    std::vector<std::string> linear_weights() const;
};

ModuleTree module_tree(const torch::nn::Module& root);
ModuleTree module_tree(const torch::jit::Module& root);

/// "encoder.fc1.weight" → "encoder.fc1", "weight"; a name without a dot belongs to the root. A leading dot is dropped.
std::pair<std::string, std::string> split_tensor_fqn(std::string_view tensor_fqn);
/// The reverse.
std::string join_fqn(std::string_view module_fqn, std::string_view name);

}  // namespace lacuna
