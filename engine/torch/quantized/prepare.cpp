#include "engine/torch/quantized/prepare.h"

#include <torch/script.h>

#include "engine/base/error.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/quantized/linear_module.h"
#include "engine/torch/quantized/observers.h"
#include "engine/torch/quantized/replace.h"
#include "engine/torch/quantized/script.h"

namespace lacuna {
namespace {

using torch::jit::Module;

Module layer(const Module& model, const std::string& fqn) {
    const auto found = fqn_to_module(model, fqn);
    if (!found) throw Error(ErrorKind::argument, fqn, "the model has no layer of that name");
    return *found;
}

Error other_kind(const std::string& fqn, const Module& module, const char* wanted) {
    return Error(ErrorKind::argument, fqn, "is a " + type_name(module) + ", not " + wanted);
}

/// Rounds to the scale of the range seen so far, this call's included.
Module activation_fake_quantise(bool reduce_range) {
    Module module = min_max_observer(reduce_range);
    define(module, R"(
def fake_quantise(self, x: Tensor) -> Tensor:
    self.forward(x)
    scale, zero_point = self.calculate_qparams()
    return torch.fake_quantize_per_tensor_affine(x, scale, zero_point, 0, self.top)
)");
    return module;
}

/// Rounds a weight to the scales that `quantised_weight` gives it.
Module weight_fake_quantise(bool per_channel) {
    Module module = weight_observer(per_channel);
    define(module, R"(
def fake_quantise(self, weight: Tensor) -> Tensor:
    scales = self.scales(weight).expand([weight.size(0)]).contiguous()
    return torch.fake_quantize_per_channel_affine(weight, scales, torch.zeros_like(scales).to(3), 0, -128, 127)
)");
    return module;
}

/// The members of the layer that stays underneath: a fused layer's parts, a Linear's tensors.
void take_members(const Module& from, bool fused, Module& to) {
    if (fused) {
        to.register_module("0", from.attr("0").toModule());
        return to.register_module("1", from.attr("1").toModule());
    }
    to.register_parameter("weight", from.attr("weight").toTensor(), false);
    const c10::IValue bias = from.hasattr("bias") ? from.attr("bias") : c10::IValue();
    if (bias.isTensor())
        to.register_parameter("bias", bias.toTensor(), false);
    else
        to.register_attribute("bias", c10::NoneType::get(), c10::IValue());
}

Module observed(const Module& from, bool fused, const QConfig& qconfig, bool training) {
    Module module = script_module(std::string(training ? "Qat" : "Observed") + (fused ? "LinearReLU" : "Linear"));
    take_members(from, fused, module);
    module.register_attribute("per_channel", c10::BoolType::get(), qconfig.per_channel);
    module.register_attribute("reduce_range", c10::BoolType::get(), qconfig.reduce_range);
    const auto observer = [&] {
        return training ? activation_fake_quantise(qconfig.reduce_range) : min_max_observer(qconfig.reduce_range);
    };
    module.register_module("activation_pre_process", observer());
    module.register_module("activation_post_process", observer());
    if (training) module.register_module("weight_fake_quant", weight_fake_quantise(qconfig.per_channel));
    const std::string holder = fused ? "getattr(self, \"0\")" : "self", step = training ? "fake_quantise" : "forward";
    const std::string weight = training ? "self.weight_fake_quant.fake_quantise(linear.weight)" : "linear.weight";
    const std::string linear = "torch.linear(x, " + weight + ", linear.bias)";
    define(module,
           "def forward(self, input: Tensor) -> Tensor:\n"
           "    linear = " +
               holder +
               "\n"
               "    x = self.activation_pre_process." +
               step +
               "(input)\n"
               "    output = " +
               (fused ? "torch.relu(" + linear + ")" : linear) +
               "\n"
               "    return self.activation_post_process." +
               step + "(output)\n");
    return module;
}

Module prepared(const Module& model, const QConfigs& layers, bool training) {
    Replacements replacements;
    for (const auto& [fqn, qconfig] : layers) {
        const Module from = layer(model, fqn);
        const std::string type = type_name(from);
        if ((type != "Linear" && type != "LinearReLU") || !read_linear(from))
            throw other_kind(fqn, from, "a Linear or LinearReLU that can be observed");
        replacements.emplace(fqn, observed(from, type == "LinearReLU", qconfig, training));
    }
    return replaced(model, replacements);
}

Module fused_layer(const Module& linear, const Module& relu) {
    Module module = script_module("LinearReLU");
    module.register_module("0", linear);
    module.register_module("1", relu);
    define(module, R"(
def forward(self, input: Tensor) -> Tensor:
    return torch.relu(getattr(self, "0").forward(input))
)");
    return module;
}

Module identity() {
    Module module = script_module("Identity");
    define(module, "def forward(self, input: Tensor) -> Tensor:\n    return input\n");
    return module;
}

}  // namespace

torch::jit::Module fuse(const torch::jit::Module& model,
                        const std::vector<std::pair<std::string, std::string>>& pairs) {
    Replacements replacements;
    const auto put = [&](const std::string& fqn, Module module) {
        if (!replacements.emplace(fqn, std::move(module)).second)
            throw Error(ErrorKind::argument, fqn, "is in two of the pairs to fuse");
    };
    for (const auto& [linear_fqn, relu_fqn] : pairs) {
        const Module linear = layer(model, linear_fqn), relu = layer(model, relu_fqn);
        if (type_name(linear) != "Linear") throw other_kind(linear_fqn, linear, "a Linear");
        if (type_name(relu) != "ReLU") throw other_kind(relu_fqn, relu, "a ReLU");
        put(linear_fqn, fused_layer(linear, relu));
        put(relu_fqn, identity());
    }
    return replaced(model, replacements);
}

torch::jit::Module prepare(const torch::jit::Module& model, const QConfigs& layers) {
    return prepared(model, layers, false);
}

torch::jit::Module prepare_qat(const torch::jit::Module& model, const QConfigs& layers) {
    return prepared(model, layers, true);
}

}  // namespace lacuna
