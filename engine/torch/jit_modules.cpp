#include "engine/torch/jit_modules.h"

#include <torch/script.h>

#include <unordered_set>

#include "engine/torch/module_tree.h"

namespace lacuna {
namespace {

using torch::jit::Module;

void walk(const Module& module, const std::string& fqn, std::unordered_set<const void*>& seen,
          const std::function<void(const std::string&, const Module&)>& call) {
    if (!seen.insert(module._ivalue().get()).second) return;
    call(fqn, module);
    for (const auto& child : module.named_children()) walk(child.value, join_fqn(fqn, child.name), seen, call);
}

}  // namespace

std::string type_name(const Module& module) {
    const auto name = module.type()->name();
    return name ? name->name() : std::string();
}

void for_each_module(const Module& root,
                     const std::function<void(const std::string& fqn, const Module& module)>& call) {
    std::unordered_set<const void*> seen;
    walk(root, "", seen, call);
}

bool is_forward(std::string_view method) {
    constexpr std::string_view forward = "forward";
    return method.starts_with(forward) && method.find_first_not_of("0123456789", forward.size()) == method.npos;
}

}  // namespace lacuna
