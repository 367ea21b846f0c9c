#include "engine/torch/quantized/calibrate_ranges.h"

#include <torch/script.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/torch/libtorch_error.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/one_thread.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

using torch::jit::Module;

constexpr int64_t batch = 64;  // samples

c10::IValue run(const Module& module, const at::Tensor& inputs) {
    try {
        return module.get_method("forward")({inputs});
    } catch (const std::exception& error) {
        throw Error(ErrorKind::argument, "the model",
                    "cannot run on inputs of shape " + to_string(inputs.sizes().vec()) + ": " + brief(error),
                    "give inputs of the shape that the model was made for");
    }
}

/// Every tensor of what a model returned, in order.
void collect(const c10::IValue& value, std::vector<at::Tensor>& tensors) {
    if (value.isTensor()) return tensors.push_back(value.toTensor());
    if (value.isTuple())
        for (const auto& element : value.toTupleRef().elements()) collect(element, tensors);
    else if (value.isList())
        for (const c10::IValue& element : value.toListRef()) collect(element, tensors);
    else if (value.isGenericDict())
        for (const auto& entry : value.toGenericDict()) collect(entry.value(), tensors);
}

/// What `from` saw, `to` has seen too.
void merge(const Module& from, Module& to, const QConfigs& layers) {
    for (const auto& [fqn, qconfig] : layers)
        for (const char* observer : {"activation_pre_process", "activation_post_process"}) {
            const Module seen = fqn_to_module(from, fqn)->attr(observer).toModule();
            at::Tensor lowest = fqn_to_module(to, fqn)->attr(observer).toModule().attr("min_val").toTensor();
            at::Tensor highest = fqn_to_module(to, fqn)->attr(observer).toModule().attr("max_val").toTensor();
            lowest.copy_(at::minimum(lowest, seen.attr("min_val").toTensor()));
            highest.copy_(at::maximum(highest, seen.attr("max_val").toTensor()));
        }
}

void widen(ModelDistance& distance, const at::Tensor& a, const at::Tensor& b) {
    if (a.sizes() != b.sizes())
        throw Error(ErrorKind::argument, "the converted model",
                    "gives " + to_string(b.sizes().vec()) + " where the model gives " + to_string(a.sizes().vec()));
    if (a.numel() == 0) return;
    const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
    const double apart = (x - y).abs().max().item<double>();
    distance.largest_difference = std::isnan(apart) ? apart : std::max(distance.largest_difference, apart);
    distance.largest_output = std::max(distance.largest_output, x.abs().max().item<double>());
}

}  // namespace

at::Tensor inputs_for(const torch::jit::Module& model, const at::Tensor& inputs) {
    if (!inputs.is_floating_point()) return inputs;
    for (const at::Tensor& parameter : model.parameters())
        if (parameter.is_floating_point()) return inputs.to(parameter.scalar_type());
    return inputs;
}

torch::jit::Module calibrated(const torch::jit::Module& model, const QConfigs& layers, const Dataset& data,
                              Progress& progress) {
    const OneThread one_thread;
    std::vector<Module> workers;  // each has observers of its own and shares the weights
    for (int i = 0; i < threads(); ++i) workers.push_back(prepare(model, layers));
    const at::Tensor inputs = as_tensor(data.inputs());
    const int64_t samples = data.samples(), wave = batch * int64_t(workers.size());
    progress.begin("Calibrating", uint64_t(samples), "samples");
    for (int64_t first = 0; first < samples; first += wave) {
        const int64_t last = std::min(samples, first + wave);
        parallel_for((last - first + batch - 1) / batch, 1, [&](int64_t begin, int64_t end) {
            thread_local const bool alone = (at::set_num_threads(1), true);
            (void)alone;
            const at::NoGradGuard no_grad;
            for (int64_t i = begin; i < end; ++i) {
                const int64_t from = first + i * batch;
                if (!progress.cancelled())
                    run(workers[size_t(i)], inputs_for(model, inputs.slice(0, from, std::min(last, from + batch))));
            }
        });
        progress.advance(uint64_t(last - first));
    }
    for (size_t i = 1; i < workers.size(); ++i) merge(workers[i], workers[0], layers);
    return workers[0];
}

ModelDistance distance(const torch::jit::Module& first, const torch::jit::Module& second, const at::Tensor& inputs,
                       int64_t most) {
    const at::NoGradGuard no_grad;
    const OneThread one_thread;
    ModelDistance found;
    found.samples = std::min(most, inputs.size(0));
    for (int64_t begin = 0; begin < found.samples; begin += batch) {
        const at::Tensor part = inputs_for(first, inputs.slice(0, begin, std::min(found.samples, begin + batch)));
        std::vector<at::Tensor> a, b;
        collect(run(first, part), a);
        collect(run(second, part), b);
        if (a.size() != b.size())
            throw Error(ErrorKind::argument, "the converted model", "gives another number of tensors");
        for (size_t i = 0; i < a.size(); ++i) widen(found, a[i], b[i]);
    }
    return found;
}

}  // namespace lacuna
