#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>

#include <map>
#include <memory>
#include <string>

namespace lacuna::structured {

/// A copy of `forward` with every call inlined, attributes that are no tensors or modules as constants, and checks that
/// only throw taken out. `module` is in eval mode. Throws Error(argument) for a module without forward.
std::shared_ptr<torch::jit::Graph> flat_forward(const torch::jit::Module& module);

/// The FQN of `value`, an attribute chain from the graph's self; "" is self. Nothing for other values.
std::optional<std::string> fqn_of(const torch::jit::Value* value);

/// Reads attribute `name` of the module that holds the weight of `layer`, in front of it. Throws Error(argument),
/// naming that weight, where it comes from a list.
torch::jit::Value* insert_beside_weight(torch::jit::Node& layer, const std::string& weight_fqn,
                                        const std::string& name);

/// Tensors to put in the place of others, and tensors to add under a new FQN.
struct NewTensors {
    std::vector<std::pair<at::Tensor, at::Tensor>> replaced;  ///< old, new; found by memory
    std::map<std::string, at::Tensor> added;
};

/// A module of the same tree, names and order that holds the new tensors and whose only method is `graph`, which was
/// made by `flat_forward(old)`.
torch::jit::Module rebuilt(const torch::jit::Module& old, std::shared_ptr<torch::jit::Graph> graph,
                           const NewTensors& tensors);

}  // namespace lacuna::structured
