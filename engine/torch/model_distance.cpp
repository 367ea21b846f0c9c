#include "engine/torch/model_distance.h"

#include <torch/script.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/torch/libtorch_error.h"
#include "engine/torch/one_thread.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

using torch::jit::Module;

constexpr int64_t batch = 64, most_compared = 256;  // samples

void collect(const c10::IValue& value, std::vector<at::Tensor>& tensors) {
    if (value.isTensor()) return tensors.push_back(value.toTensor());
    if (value.isTuple())
        for (const auto& element : value.toTupleRef().elements()) collect(element, tensors);
    else if (value.isList())
        for (const c10::IValue& element : value.toListRef()) collect(element, tensors);
    else if (value.isGenericDict())
        for (const auto& entry : value.toGenericDict()) collect(entry.value(), tensors);
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

c10::IValue run(const Module& model, const at::Tensor& inputs) {
    return model.get_method("forward")({inputs});
}

/// On inputs that the model itself took.
c10::IValue run_converted(const Module& model, const at::Tensor& inputs) {
    try {
        return run(model, inputs);
    } catch (const std::exception& error) {
        throw Error(ErrorKind::argument, "the converted model", "cannot run on this machine: " + brief(error),
                    "choose other options, such as another block shape or engine");
    }
}

/// What the model's forward cannot do without, by name.
std::vector<std::string> needed_inputs(const Module& model) {
    std::vector<std::string> names;
    const auto forward = model.find_method("forward");
    if (!forward) return names;
    const auto& arguments = forward->function().getSchema().arguments();
    for (size_t i = 1; i < arguments.size(); ++i)  // after self
        if (!arguments[i].default_value()) names.push_back(arguments[i].name());
    return names;
}

}  // namespace

Error cannot_run(const Module& model, const std::string& where, const at::Tensor& inputs,
                 const std::exception& thrown) {
    const std::vector<std::string> needed = needed_inputs(model);
    if (needed.size() < 2)
        return Error(ErrorKind::argument, where,
                     "the model cannot run on inputs of shape " + described(inputs) + ": " + brief(thrown),
                     "give inputs of the shape that the model was made for");
    std::string names;
    for (const std::string& name : needed) names += (names.empty() ? "" : ", ") + name;
    return Error(
        ErrorKind::argument, where,
        "the model needs " + std::to_string(needed.size()) + " inputs (" + names + "), and only one can be given",
        "save it inside a module whose forward takes one tensor");
}

std::string described(const at::Tensor& tensor) {
    return to_string(tensor.sizes().vec()) + " " + std::string(dtype_name(to_dtype(tensor.scalar_type())));
}

c10::IValue run_model(const Module& model, const at::Tensor& inputs) {
    try {
        return run(model, inputs);
    } catch (const std::exception& error) {
        throw cannot_run(model, "the model", inputs, error);
    }
}

std::vector<at::Tensor> tensors_in(const c10::IValue& value) {
    std::vector<at::Tensor> tensors;
    collect(value, tensors);
    return tensors;
}

std::optional<at::ScalarType> precision_of(const torch::jit::Module& model) {
    for (const at::Tensor& parameter : model.parameters())
        if (parameter.is_floating_point()) return parameter.scalar_type();
    return std::nullopt;
}

at::Tensor inputs_for(const torch::jit::Module& model, const at::Tensor& inputs) {
    const auto precision = precision_of(model);
    return precision && inputs.is_floating_point() ? inputs.to(*precision) : inputs;
}

ModelDistance distance(const torch::jit::Module& first, const torch::jit::Module& second, const at::Tensor& inputs,
                       int64_t most) {
    const at::NoGradGuard no_grad;
    const OneThread one_thread;
    ModelDistance found;
    found.samples = std::min(most, inputs.size(0));
    for (int64_t begin = 0; begin < found.samples; begin += batch) {
        const at::Tensor part = inputs_for(first, inputs.slice(0, begin, std::min(found.samples, begin + batch)));
        const std::vector<at::Tensor> a = tensors_in(run_model(first, part));
        const std::vector<at::Tensor> b = tensors_in(run_converted(second, part));
        if (a.size() != b.size())
            throw Error(ErrorKind::argument, "the converted model", "gives another number of tensors");
        for (size_t i = 0; i < a.size(); ++i) widen(found, a[i], b[i]);
    }
    return found;
}

void compare_into(ConversionReport& report, const torch::jit::Module& masked, const torch::jit::Module& converted,
                  const at::Tensor& inputs, Progress& progress) {
    progress.begin("Comparing", uint64_t(std::min(most_compared, inputs.size(0))), "samples");
    const ModelDistance found = distance(masked, converted, inputs, most_compared);
    report.largest_difference = found.largest_difference;
    report.largest_output = found.largest_output;
    report.samples_compared = found.samples;
    progress.advance(uint64_t(found.samples));
}

}  // namespace lacuna
