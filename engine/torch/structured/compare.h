#pragma once

#include <torch/csrc/jit/api/module.h>

#include <vector>

#include "engine/model/conversion.h"
#include "engine/torch/structured/shrink.h"

namespace lacuna::structured {

/// Inputs to run `module`, which is `request`'s model, on: samples of its data, or a random tensor of its input shape,
/// or, where neither is given, one that fits the first layer and that the model takes; further inputs are left at their
/// defaults. Throws Error(argument) if no input was found or one has no default.
std::vector<c10::IValue> sample_inputs(torch::jit::Module& module, const ConversionRequest& request);

/// How far two models lie apart.
struct Difference {
    double largest = 0;         ///< |a − b|
    double largest_output = 0;  ///< |a|
    int64_t samples = 0;
};

/// Runs both on `inputs` and, where the reference takes it, on one sample fewer. `outputs` (may be empty) says what the
/// second one leaves out. Throws Error(argument) if the second one cannot run, gives other shapes, or differs by more
/// than 1e-5 of the largest output (more for narrower types), unless rounding moves the reference itself as far.
Difference demand_equal(torch::jit::Module& reference, torch::jit::Module& other,
                        const std::vector<c10::IValue>& inputs, const std::vector<OutputChannels>& outputs);

}  // namespace lacuna::structured
