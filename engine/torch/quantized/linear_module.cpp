#include "engine/torch/quantized/linear_module.h"

#include <ATen/native/quantized/PackedParams.h>
#include <torch/script.h>

#include "engine/base/error.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/quantized/engine_scope.h"
#include "engine/torch/quantized/script.h"
#include "engine/torch/quantized/sparse_linear.h"

namespace lacuna {
namespace {

using torch::jit::Module;
using DensePacked = c10::intrusive_ptr<::LinearPackedParamsBase>;

constexpr const char* packed_name = "_packed_params";

Error wrong(std::string what, std::string hint = {}) {
    return Error(ErrorKind::argument, "quantised linear", std::move(what), std::move(hint));
}

void demand_weight(const at::Tensor& weight) {
    if (!weight.defined() || !weight.is_quantized() || weight.scalar_type() != at::kQInt8 || weight.dim() != 2)
        throw wrong("the weight must be QINT8 with two dimensions");
    const bool symmetric = weight.qscheme() == at::kPerTensorAffine
                               ? weight.q_zero_point() == 0
                               : weight.q_per_channel_zero_points().eq(0).all().item<bool>();
    if (!symmetric)
        throw wrong("the weight's zero point is not 0, so pruned weights would not be 0", "quantise it symmetrically");
}

c10::IValue dense_packed(const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
    return c10::IValue(c10::Dispatcher::singleton()
                           .findSchemaOrThrow("quantized::linear_prepack", "")
                           .typed<DensePacked(at::Tensor, std::optional<at::Tensor>)>()
                           .call(weight, bias));
}

std::optional<at::Tensor> plain(const std::optional<at::Tensor>& bias) {
    if (!bias) return std::nullopt;
    return bias->detach().to(at::kCPU, at::kFloat).contiguous();
}

/// `call` computes on `wide`: FLOAT with two dimensions or more.
std::string forward(const std::string& call) {
    return "def forward(self, input: Tensor) -> Tensor:\n"
           "    wide = input.to(6)\n"  // 6: FLOAT
           "    if input.dim() == 1:\n"
           "        wide = wide.unsqueeze(0)\n"
           "    output = " +
           call +
           "\n"
           "    if input.dim() == 1:\n"
           "        output = output.squeeze(0)\n"
           "    return output.type_as(input)\n";
}

std::string static_forward(const std::string& operation) {
    return forward("torch.dequantize(" + operation +
                   "(torch.quantize_per_tensor(wide, self.input_scale, self.input_zero_point, 13), "  // 13: QUINT8
                   "self._packed_params, self.scale, self.zero_point))");
}

void register_number(Module& module, const char* name, double value) {
    module.register_attribute(name, c10::FloatType::get(), value);
}
void register_number(Module& module, const char* name, int64_t value) {
    module.register_attribute(name, c10::IntType::get(), value);
}

Module static_module(const std::string& name, const c10::IValue& packed, const QuantisedScale& input,
                     const QuantisedScale& output, const std::string& operation) {
    Module module = script_module(name);
    module.register_attribute(packed_name, packed.type(), packed);
    register_number(module, "input_scale", input.scale);
    register_number(module, "input_zero_point", input.zero_point);
    register_number(module, "scale", output.scale);
    register_number(module, "zero_point", output.zero_point);
    define(module, static_forward(operation));
    return module;
}

Module dynamic_module(const std::string& name, const c10::IValue& packed, const std::string& call) {
    Module module = script_module(name);
    module.register_attribute(packed_name, packed.type(), packed);
    define(module, forward(call));
    return module;
}

std::optional<ValueRange> seen(const Module& module, const char* observer) {
    if (!module.hasattr(observer)) return std::nullopt;
    const Module found = module.attr(observer).toModule();
    const ValueRange range{found.attr("min_val").toTensor().item<double>(),
                           found.attr("max_val").toTensor().item<double>()};
    if (range.lowest > range.highest) return std::nullopt;  // as it begins: nothing came by
    return range;
}

}  // namespace

std::optional<LinearParts> read_linear(const torch::jit::Module& module) {
    const std::string type = type_name(module);
    const bool fused = type == "LinearReLU" || type == "ObservedLinearReLU" || type == "QatLinearReLU";
    if (!fused && type != "Linear" && type != "ObservedLinear" && type != "QatLinear") return std::nullopt;
    const Module holder = fused ? module.attr("0").toModule() : module;
    if (!holder.hasattr("weight") || !holder.attr("weight").isTensor()) return std::nullopt;
    LinearParts parts{.weight = holder.attr("weight").toTensor(), .relu = fused};
    if (holder.hasattr("bias") && holder.attr("bias").isTensor()) parts.bias = holder.attr("bias").toTensor();
    parts.input = seen(module, "activation_pre_process");
    parts.output = seen(module, "activation_post_process");
    if (module.hasattr("per_channel"))
        parts.qconfig = QConfig{module.attr("per_channel").toBool(), module.attr("reduce_range").toBool()};
    return parts;
}

torch::jit::Module sparse_quantized_linear(const at::Tensor& weight, const std::optional<at::Tensor>& bias, bool relu,
                                           BlockShape block, const QuantisedScale& input,
                                           const QuantisedScale& output) {
    demand_weight(weight);
    const SparseLinear packed = SparseLinear::pack(weight, plain(bias), block, sparse_static_engine);
    return static_module(relu ? "SparseQuantizedLinearReLU" : "SparseQuantizedLinear", packed.object(), input, output,
                         relu ? "sparse.qlinear_relu" : "sparse.qlinear");
}

torch::jit::Module sparse_quantized_dynamic_linear(const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                                                   bool relu, BlockShape block) {
    demand_weight(weight);
    const SparseLinear packed = SparseLinear::pack(weight, plain(bias), block, sparse_dynamic_engine);
    const std::string call = "sparse.qlinear_dynamic(wide.contiguous(), self._packed_params)";
    Module module =
        relu ? dynamic_module("SparseQuantizedDynamicLinearReLU", packed.object(), "torch.relu(" + call + ")")
             : dynamic_module("SparseQuantizedDynamicLinear", packed.object(), call);
    // Loading a sparse weight does not start QNNPACK, and the operator fails then; loading any dense one does.
    const c10::IValue starter = dense_packed(at::quantize_per_tensor(at::zeros({1, 1}), 1, 0, at::kQInt8), {});
    module.register_attribute("_starts_qnnpack", starter.type(), starter);
    return module;
}

torch::jit::Module quantized_linear(const at::Tensor& weight, const std::optional<at::Tensor>& bias, bool relu,
                                    const QuantisedScale& input, const QuantisedScale& output) {
    demand_weight(weight);
    return static_module(relu ? "QuantizedLinearReLU" : "QuantizedLinear", dense_packed(weight, plain(bias)), input,
                         output, relu ? "quantized.linear_relu" : "quantized.linear");
}

torch::jit::Module quantized_dynamic_linear(const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                                            bool relu) {
    demand_weight(weight);
    return dynamic_module(relu ? "QuantizedDynamicLinearReLU" : "QuantizedDynamicLinear",
                          dense_packed(weight, plain(bias)),
                          std::string(relu ? "quantized.linear_relu_dynamic" : "quantized.linear_dynamic") +
                              "(wide, self._packed_params)");
}

at::Tensor unpacked_weight(const torch::jit::Module& module) {
    if (!module.hasattr(packed_name)) throw wrong("a " + type_name(module) + " holds no packed weight");
    const c10::IValue packed = module.attr(packed_name);
    if (type_name(module).starts_with("Sparse")) return SparseLinear(packed).unpack().weight;
    return std::get<0>(packed.toCustomClass<::LinearPackedParamsBase>()->unpack());
}

}  // namespace lacuna
