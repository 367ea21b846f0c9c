#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "engine/base/progress.h"
#include "engine/model/runner.h"
#include "engine/torch/quantized/prepare.h"

namespace torch::jit {
struct Module;
}

namespace lacuna {

/// `prepare(model, layers)` after all samples went through it, in batches on several threads; the ranges are the same
/// whatever their number. Throws as `prepare` does, and Error(argument) where the model cannot run on the samples.
torch::jit::Module calibrated(const torch::jit::Module& model, const QConfigs& layers, const Dataset& data,
                              Progress& progress);

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

/// `inputs` as `model` takes them: floating ones in the dtype of its first floating parameter.
at::Tensor inputs_for(const torch::jit::Module& model, const at::Tensor& inputs);

}  // namespace lacuna
