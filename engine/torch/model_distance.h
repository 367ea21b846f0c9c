#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/model/conversion.h"

namespace torch::jit {
struct Module;
}

namespace lacuna {

/// Every tensor of what a model returned, in order.
std::vector<at::Tensor> tensors_in(const c10::IValue& value);
/// The dtype of the model's first floating parameter; nothing if it has none.
std::optional<at::ScalarType> precision_of(const torch::jit::Module& model);

/// "[5, 4] F32"
std::string described(const at::Tensor& tensor);
/// Why `model` did not run on `inputs` of `where`, after it threw `thrown`; names the inputs of one that needs several.
Error cannot_run(const torch::jit::Module& model, const std::string& where, const at::Tensor& inputs,
                 const std::exception& thrown);
/// What `model` makes of `inputs`. Throws Error(argument) where it cannot run on them.
c10::IValue run_model(const torch::jit::Module& model, const at::Tensor& inputs);

/// `inputs` as `model` takes them: floating ones in its precision.
at::Tensor inputs_for(const torch::jit::Module& model, const at::Tensor& inputs);

/// How far two models are apart on the same inputs.
struct ModelDistance {
    double largest_difference = 0;  ///< between any two outputs' elements
    double largest_output = 0;      ///< of the first model
    int64_t samples = 0;
};
/// On at most `most` samples of `inputs` (N first). Throws Error(argument) where a model cannot run on them or the
/// outputs differ in number or shape.
ModelDistance distance(const torch::jit::Module& first, const torch::jit::Module& second, const at::Tensor& inputs,
                       int64_t most);

/// The distance between a masked model and what it was converted to, into `report`; on 256 samples at most.
void compare_into(ConversionReport& report, const torch::jit::Module& masked, const torch::jit::Module& converted,
                  const at::Tensor& inputs, Progress& progress);

}  // namespace lacuna
