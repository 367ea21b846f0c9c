#include "engine/torch/quantized/graph_mode.h"

#include <ATen/native/quantized/PackedParams.h>
#include <torch/csrc/jit/passes/quantization/finalize.h>
#include <torch/csrc/jit/passes/quantization/insert_observers.h>
#include <torch/csrc/jit/passes/quantization/insert_quant_dequant.h>
#include <torch/script.h>

#include <limits>

#include "engine/base/error.h"
#include "engine/torch/libtorch_error.h"
#include "engine/torch/quantized/script.h"

namespace lacuna {
namespace {

using torch::jit::Module;

template <class Call>
auto guarded(Call&& call) {
    try {
        return call();
    } catch (const std::exception& error) {
        throw Error(ErrorKind::argument, "graph mode", "LibTorch's passes refuse this model: " + brief(error));
    }
}

/// What the passes ask of an observer: forward, calculate_qparams, and these attributes.
Module observer(const char* name, at::ScalarType dtype, at::QScheme scheme) {
    Module module = script_module(name);
    module.register_attribute("dtype", c10::IntType::get(), int64_t(dtype));
    module.register_attribute("qscheme", c10::QSchemeType::get(), int64_t(scheme));
    module.register_attribute("ch_axis", c10::IntType::get(), int64_t(0));
    return module;
}

/// activation_scale, in TorchScript.
Module activation_observer(bool reduce_range) {
    Module module = observer("GraphMinMaxObserver", at::kQUInt8, at::kPerTensorAffine);
    constexpr float infinity = std::numeric_limits<float>::infinity();
    module.register_buffer("min_val", at::full({}, infinity, at::kFloat));
    module.register_buffer("max_val", at::full({}, -infinity, at::kFloat));
    module.register_attribute("top", c10::IntType::get(), reduce_range ? 127 : 255);
    define(module, R"(
def forward(self, x: Tensor) -> Tensor:
    self.min_val.copy_(torch.minimum(self.min_val, x.detach().amin()))
    self.max_val.copy_(torch.maximum(self.max_val, x.detach().amax()))
    return x

def calculate_qparams(self) -> Tuple[Tensor, Tensor]:
    low = torch.clamp(self.min_val, None, 0.0)
    high = torch.clamp(self.max_val, 0.0, None)
    scale = torch.clamp((high - low) / self.top, 1.1920928955078125e-07, None)
    zero_point = torch.clamp(0 - torch.round(low / scale), 0, self.top).to(3)
    return (scale.reshape([1]), zero_point.reshape([1]))
)");
    return module;
}

/// The scales that quantised_weight takes, in TorchScript.
Module weight_observer(bool per_channel) {
    Module module =
        observer("GraphWeightObserver", at::kQInt8, per_channel ? at::kPerChannelAffine : at::kPerTensorAffine);
    module.register_attribute("per_channel", c10::BoolType::get(), per_channel);
    module.register_buffer("largest", at::zeros({0}));
    define(module, R"(
def forward(self, x: Tensor) -> Tensor:
    largest = x.detach().abs().amax([1])
    if not self.per_channel:
        largest = largest.amax().reshape([1])
    self.largest.resize_(largest.size()).copy_(largest)
    return x

def calculate_qparams(self) -> Tuple[Tensor, Tensor]:
    scales = torch.clamp(self.largest / 127.5, 1.1920928955078125e-07, None)
    return (scales, torch.zeros_like(scales).to(3))
)");
    return module;
}

}  // namespace

torch::jit::Module prepare_graph(const torch::jit::Module& model, const QConfig& qconfig) {
    return guarded([&] {
        Module from = model;
        const torch::jit::QConfigDict everywhere{
            {"", std::make_tuple(activation_observer(qconfig.reduce_range), weight_observer(qconfig.per_channel))}};
        // In place means: the same tensors. Classes and code are cloned either way.
        return torch::jit::InsertObservers(from, "forward", everywhere, true, torch::jit::QuantType::STATIC);
    });
}

torch::jit::Module convert_graph(const torch::jit::Module& prepared, bool reference) {
    return guarded([&] {
        Module from = prepared.deepcopy();
        from.eval();
        Module module = torch::jit::InsertQuantDeQuant(from, "forward", true, reference, torch::jit::QuantType::STATIC);
        return reference ? module : torch::jit::Finalize(module, torch::jit::QuantType::STATIC);
    });
}

std::vector<at::Tensor> graph_weights(const torch::jit::Module& converted) {
    std::vector<at::Tensor> weights;
    for (const c10::IValue& slot : converted._ivalue()->slots())
        if (slot.isObject() && slot.type()->str() == "__torch__.torch.classes.quantized.LinearPackedParamsBase")
            weights.push_back(std::get<0>(slot.toCustomClass<::LinearPackedParamsBase>()->unpack()));
    return weights;
}

}  // namespace lacuna
