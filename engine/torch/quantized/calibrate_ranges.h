#pragma once

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

}  // namespace lacuna
