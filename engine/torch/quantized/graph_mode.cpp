#include "engine/torch/quantized/graph_mode.h"

#include <ATen/native/quantized/PackedParams.h>
#include <torch/csrc/jit/passes/quantization/finalize.h>
#include <torch/csrc/jit/passes/quantization/insert_observers.h>
#include <torch/csrc/jit/passes/quantization/insert_quant_dequant.h>
#include <torch/script.h>

#include "engine/base/error.h"
#include "engine/torch/libtorch_error.h"
#include "engine/torch/quantized/observers.h"

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

/// With what the passes ask of an observer beside its methods.
Module for_passes(Module observer, at::ScalarType dtype, at::QScheme scheme) {
    observer.register_attribute("dtype", c10::IntType::get(), int64_t(dtype));
    observer.register_attribute("qscheme", c10::QSchemeType::get(), int64_t(scheme));
    observer.register_attribute("ch_axis", c10::IntType::get(), int64_t(0));
    return observer;
}

}  // namespace

torch::jit::Module prepare_graph(const torch::jit::Module& model, const QConfig& qconfig) {
    return guarded([&] {
        Module from = model;
        const torch::jit::QConfigDict everywhere{
            {"", std::make_tuple(for_passes(min_max_observer(qconfig.reduce_range), at::kQUInt8, at::kPerTensorAffine),
                                 for_passes(weight_observer(qconfig.per_channel), at::kQInt8,
                                            qconfig.per_channel ? at::kPerChannelAffine : at::kPerTensorAffine))}};
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
