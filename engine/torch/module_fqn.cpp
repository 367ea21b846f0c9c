#include "engine/torch/module_fqn.h"

#include <torch/nn/module.h>
#include <torch/script.h>

namespace lacuna {
namespace {

/// Follows `fqn`, which is not empty, down from `module` by its children's names.
const torch::nn::Module* descend(const torch::nn::Module& module, std::string_view fqn) {
    const size_t dot = fqn.find('.');
    for (const auto& child : module.named_children())
        if (child.key() == fqn.substr(0, dot))
            return dot == fqn.npos ? child.value().get() : descend(*child.value(), fqn.substr(dot + 1));
    return nullptr;
}

std::optional<torch::jit::Module> descend(const torch::jit::Module& module, std::string_view fqn) {
    const size_t dot = fqn.find('.');
    for (const auto& child : module.named_children())
        if (child.name == fqn.substr(0, dot))
            return dot == fqn.npos ? child.value : descend(child.value, fqn.substr(dot + 1));
    return std::nullopt;
}

}  // namespace

std::optional<std::string> module_to_fqn(const torch::nn::Module& root, const torch::nn::Module& module) {
    if (&root == &module) return "";
    for (const auto& child : root.named_children())
        if (const auto rest = module_to_fqn(*child.value(), module))
            return rest->empty() ? child.key() : child.key() + "." + *rest;
    return std::nullopt;
}

std::optional<std::string> module_to_fqn(const torch::jit::Module& root, const torch::jit::Module& module) {
    if (root._ivalue() == module._ivalue()) return "";
    for (const auto& child : root.named_children())
        if (const auto rest = module_to_fqn(child.value, module))
            return rest->empty() ? child.name : child.name + "." + *rest;
    return std::nullopt;
}

torch::nn::Module* fqn_to_module(torch::nn::Module& root, std::string_view fqn) {
    return fqn.empty() ? &root : const_cast<torch::nn::Module*>(descend(root, fqn));
}

std::optional<torch::jit::Module> fqn_to_module(const torch::jit::Module& root, std::string_view fqn) {
    return fqn.empty() ? root : descend(root, fqn);
}

at::Tensor fqn_to_tensor(const torch::nn::Module& root, std::string_view fqn) {
    return module_tree(root).find(fqn);
}

at::Tensor fqn_to_tensor(const torch::jit::Module& root, std::string_view fqn) {
    return module_tree(root).find(fqn);
}

ArgInfo get_arg_info_from_tensor_fqn(torch::nn::Module& root, std::string_view tensor_fqn) {
    auto [module_fqn, tensor_name] = split_tensor_fqn(tensor_fqn);
    ArgInfo info{fqn_to_module(root, module_fqn), module_fqn, tensor_name, join_fqn(module_fqn, tensor_name)};
    return info;
}

}  // namespace lacuna
