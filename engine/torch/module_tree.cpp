#include "engine/torch/module_tree.h"

#include <torch/nn/modules/linear.h>
#include <torch/script.h>

#include <typeinfo>

#include "engine/torch/jit_modules.h"

namespace lacuna {
namespace {

void add(std::vector<ModuleNode>& nodes, const torch::nn::Module& module, std::string fqn) {
    const size_t index = nodes.size();
    nodes.push_back({std::move(fqn), typeid(module) == typeid(torch::nn::LinearImpl), {}, {}});
    for (const auto& item : module.named_parameters(false)) nodes[index].tensors.emplace_back(item.key(), item.value());
    for (const auto& item : module.named_buffers(false)) nodes[index].tensors.emplace_back(item.key(), item.value());
    for (const auto& child : module.named_children()) {
        nodes[index].children.push_back(nodes.size());
        add(nodes, *child.value(), join_fqn(nodes[index].fqn, child.key()));
    }
}

void add(std::vector<ModuleNode>& nodes, const torch::jit::Module& module, std::string fqn) {
    const size_t index = nodes.size();
    nodes.push_back({std::move(fqn), type_name(module) == "Linear", {}, {}});
    for (const auto& item : module.named_parameters(false)) nodes[index].tensors.emplace_back(item.name, item.value);
    for (const auto& item : module.named_buffers(false)) nodes[index].tensors.emplace_back(item.name, item.value);
    for (const auto& child : module.named_children()) {
        nodes[index].children.push_back(nodes.size());
        add(nodes, child.value, join_fqn(nodes[index].fqn, child.name));
    }
}

const at::Tensor* own_tensor(const ModuleNode& node, std::string_view name) {
    for (const auto& [own, tensor] : node.tensors)
        if (own == name && tensor.defined()) return &tensor;
    return nullptr;
}

}  // namespace

at::Tensor ModuleTree::find(std::string_view fqn) const {
    const auto [module_fqn, name] = split_tensor_fqn(fqn);
    for (const ModuleNode& node : nodes)
        if (node.fqn == module_fqn)
            if (const at::Tensor* tensor = own_tensor(node, name)) return *tensor;
    return {};
}

std::vector<std::string> ModuleTree::linear_weights() const {
    std::vector<std::string> found;
    std::vector<size_t> waiting{0};
    while (!waiting.empty()) {
        const ModuleNode& node = nodes[waiting.back()];
        waiting.pop_back();
        for (const size_t child : node.children) {
            if (!nodes[child].linear)
                waiting.push_back(child);
            else if (own_tensor(nodes[child], "weight"))
                found.push_back(join_fqn(nodes[child].fqn, "weight"));
        }
    }
    return found;
}

ModuleTree module_tree(const torch::nn::Module& root) {
    ModuleTree tree;
    add(tree.nodes, root, "");
    return tree;
}

ModuleTree module_tree(const torch::jit::Module& root) {
    ModuleTree tree;
    add(tree.nodes, root, "");
    return tree;
}

std::pair<std::string, std::string> split_tensor_fqn(std::string_view tensor_fqn) {
    if (!tensor_fqn.empty() && tensor_fqn.front() == '.') tensor_fqn.remove_prefix(1);
    const size_t dot = tensor_fqn.rfind('.');
    if (dot == tensor_fqn.npos) return {"", std::string(tensor_fqn)};
    return {std::string(tensor_fqn.substr(0, dot)), std::string(tensor_fqn.substr(dot + 1))};
}

std::string join_fqn(std::string_view module_fqn, std::string_view name) {
    std::string fqn(module_fqn);
    if (!fqn.empty()) fqn += '.';
    return fqn += name;
}

}  // namespace lacuna
