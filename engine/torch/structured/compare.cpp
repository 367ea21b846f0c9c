#include "engine/torch/structured/compare.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "engine/base/error.h"
#include "engine/base/numbers.h"
#include "engine/torch/libtorch_error.h"
#include "engine/torch/model_distance.h"
#include "engine/torch/tensor.h"

namespace lacuna::structured {
namespace jit = torch::jit;
namespace {

constexpr int64_t samples_compared = 16;
constexpr int64_t guessed_batch = 3;
constexpr double tolerance = 1e-5;

at::Tensor random_tensor(const std::vector<int64_t>& shape, at::ScalarType type) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(1);  // the same every time
    return at::randn(shape, generator).to(type);
}

bool runs(jit::Module& module, const at::Tensor& input) {
    const at::NoGradGuard no_grad;
    const jit::GraphOptimizerEnabledGuard as_written(false);
    try {
        module.forward({input});
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

/// Shapes that a model might take whose first weight with two or more dimensions is `weight`.
std::vector<std::vector<int64_t>> likely_shapes(const at::Tensor& weight) {
    const int64_t features = weight.size(1), n = guessed_batch;
    if (weight.dim() == 2) return {{n, features}, {5, n, features}};
    std::vector<std::vector<int64_t>> shapes;
    for (const int64_t side : {8, 16, 28, 32, 64, 96, 128, 224, 256, 299, 384, 512, 1024, 4096, 16000})
        if (weight.dim() == 3 || side <= 512) {
            shapes.push_back({n, features});
            shapes.back().insert(shapes.back().end(), size_t(weight.dim() - 2), side);
        }
    return shapes;
}

double largest_in(const at::Tensor& tensor) {
    return tensor.numel() == 0 ? 0 : tensor.to(at::kDouble).abs().max().item<double>();
}

bool any_finite(const at::Tensor& tensor) {
    return tensor.numel() == 0 || tensor.isfinite().any().item<bool>();
}

double allowed(at::ScalarType type) {
    return type == at::kHalf ? 1e-2 : type == at::kBFloat16 ? 5e-2 : tolerance;
}

[[noreturn]] void differ(const std::string& what) {
    throw Error(ErrorKind::argument, "the smaller model", what, "use the masked model as it is, and report this model");
}

using Tensors = std::vector<at::Tensor>;
using Inputs = std::vector<c10::IValue>;

Tensors run(jit::Module& module, const Inputs& inputs, std::optional<at::ScalarType> precision = std::nullopt) {
    Inputs copies;  // a model may write to its input
    for (const c10::IValue& input : inputs) {
        const bool converts = precision && input.isTensor() && input.toTensor().is_floating_point();
        copies.push_back(converts           ? c10::IValue(input.toTensor().to(*precision))
                         : input.isTensor() ? c10::IValue(input.toTensor().clone())
                                            : input);
    }
    return tensors_in(module.forward(std::move(copies)));
}

/// What the reference's outputs are when nothing is rounded; nothing if it cannot run in double precision.
std::optional<Tensors> run_exactly(const jit::Module& reference, const Inputs& inputs) {
    try {
        jit::Module exact = reference.deepcopy();
        exact.to(at::kDouble);
        return run(exact, inputs, at::kDouble);
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

at::Tensor part_of(const at::Tensor& tensor, const std::vector<OutputChannels>& outputs, size_t index) {
    if (index >= outputs.size() || outputs[index].dim < 0) return tensor;
    return tensor.index_select(outputs[index].dim, at::tensor(outputs[index].staying, at::kLong));
}

/// Largest |a − b|; infinities and NaN in the same places are no difference.
double apart(const at::Tensor& first, const at::Tensor& second) {
    const at::Tensor a = first.to(at::kDouble), b = second.to(at::kDouble);
    return largest_in((a - b).masked_fill(a.eq(b).logical_or(a.isnan().logical_and(b.isnan())), 0));
}

/// One input's outputs. `exact` is asked for only where rounding may be what keeps the two apart: the smaller model
/// must then lie as near to the exact outputs as the reference does.
void compare(const Tensors& expected, const Tensors& given, const std::vector<OutputChannels>& outputs,
             const std::function<std::optional<Tensors>()>& exact, Difference& difference) {
    if (expected.size() != given.size()) differ("gives another number of tensors");
    if (!expected.empty() && std::none_of(expected.begin(), expected.end(), any_finite))
        throw Error(ErrorKind::argument, "the masked model", "gives no finite output, so that nothing can be compared",
                    "give other data or another input shape");
    for (size_t i = 0; i < expected.size(); ++i) {
        const at::Tensor reference = part_of(expected[i], outputs, i);
        if (reference.sizes() != given[i].sizes())
            differ("gives shape " + to_string(given[i].sizes().vec()) + ", not " + to_string(reference.sizes().vec()));
        const double distance = apart(reference, given[i]), size = largest_in(reference.nan_to_num(0, 0, 0));
        difference.largest = std::max(difference.largest, distance);
        difference.largest_output = std::max(difference.largest_output, size);
        if (distance <= allowed(reference.scalar_type()) * size) continue;
        if (const auto outright = exact()) {
            const at::Tensor truth = part_of(outright->at(i), outputs, i);
            if (apart(truth, given[i]) <= 4 * apart(truth, reference)) continue;
        }
        differ("differs from the masked one by " + number_text(distance, 2) + " in outputs up to " +
               number_text(size, 2));
    }
}

c10::IValue first_input(jit::Module& module, const ConversionRequest& request) {
    const at::ScalarType type = precision_of(module).value_or(at::kFloat);
    if (request.data) {
        at::Tensor inputs = as_tensor(request.data->inputs()).slice(0, 0, samples_compared).clone();
        return inputs.is_floating_point() ? inputs.to(type) : inputs;
    }
    if (!request.input_shape.empty()) return random_tensor(request.input_shape, type);
    for (const auto& parameter : module.named_parameters()) {
        if (parameter.value.dim() < 2) continue;
        for (const auto& shape : likely_shapes(parameter.value)) {
            const at::Tensor guess = random_tensor(shape, type);
            if (runs(module, guess)) return guess;
        }
        break;
    }
    throw Error(ErrorKind::argument, request.checkpoint ? request.checkpoint->path().string() : "the model",
                "no input is known that it takes", "give data or an input shape");
}

}  // namespace

std::vector<c10::IValue> sample_inputs(jit::Module& module, const ConversionRequest& request) {
    std::vector<c10::IValue> inputs{first_input(module, request)};
    const auto& arguments = module.get_method("forward").function().getSchema().arguments();  // the first is the module
    for (size_t i = inputs.size() + 1; i < arguments.size(); ++i) {
        if (!arguments[i].default_value())
            throw Error(ErrorKind::argument, "the model",
                        "takes " + std::to_string(arguments.size() - 1) + " inputs, and " + arguments[i].name() +
                            " has no default",
                        "convert a module around it that takes one input");
        inputs.push_back(*arguments[i].default_value());
    }
    return inputs;
}

Difference demand_equal(jit::Module& reference, jit::Module& other, const std::vector<c10::IValue>& inputs,
                        const std::vector<OutputChannels>& outputs) {
    const at::NoGradGuard no_grad;
    const jit::GraphOptimizerEnabledGuard as_written(false);  // nothing runs often enough to be optimised
    Difference difference;
    const auto check = [&](const Tensors& expected, const Inputs& given) {
        Tensors got;
        try {
            got = run(other, given);
        } catch (const std::exception& error) {
            differ("cannot run: " + brief(error));
        }
        compare(
            expected, got, outputs, [&] { return run_exactly(reference, given); }, difference);
    };
    check(run(reference, inputs), inputs);
    const auto tensors =
        std::count_if(inputs.begin(), inputs.end(), [](const auto& input) { return input.isTensor(); });
    const bool batched = tensors == 1 && inputs[0].isTensor() && inputs[0].toTensor().dim() > 0;
    if (batched) difference.samples = inputs[0].toTensor().size(0);
    if (batched && difference.samples > 1) {
        Inputs fewer = inputs;
        fewer[0] = inputs[0].toTensor().slice(0, 1);
        Tensors expected;
        try {
            expected = run(reference, fewer);
        } catch (const std::exception&) {
            return difference;  // the model takes one number of samples alone
        }
        check(expected, fewer);
    }
    return difference;
}

}  // namespace lacuna::structured
