#include "engine/torch/quantized/script.h"

#include <torch/csrc/jit/frontend/sugared_value.h>
#include <torch/script.h>

namespace lacuna {
namespace {

struct Operators : torch::jit::Resolver {
    std::shared_ptr<torch::jit::SugaredValue> resolveValue(const std::string& name, torch::jit::GraphFunction&,
                                                           const torch::jit::SourceRange&) override {
        if (name == "torch") return std::make_shared<torch::jit::BuiltinModule>("aten");
        if (name == "quantized" || name == "sparse") return std::make_shared<torch::jit::BuiltinModule>(name);
        return nullptr;
    }
};

}  // namespace

void define(torch::jit::Module& module, const std::string& source) {
    module.define(source, std::make_shared<Operators>());
}

torch::jit::Module script_module(const std::string& name) {
    torch::jit::Module module(c10::QualifiedName("__torch__.lacuna." + name));
    module.register_attribute("training", c10::BoolType::get(), false);
    return module;
}

}  // namespace lacuna
