#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include "engine/model/conversion.h"

namespace torch::jit {
struct Module;
}

namespace lacuna {

/// What `model` makes of `inputs`. Throws Error(argument) where it cannot run on them.
c10::IValue run_model(const torch::jit::Module& model, const at::Tensor& inputs);

/// `inputs` as `model` takes them: floating ones in the dtype of its first floating parameter.
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
