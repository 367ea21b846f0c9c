#pragma once

#include <torch/csrc/jit/api/module.h>

#include <string>
#include <vector>

#include "engine/model/conversion.h"

namespace lacuna::structured {

/// What stays of one tensor that the model gives; `dim` -1: all of it.
struct OutputChannels {
    int64_t dim = -1;
    std::vector<int64_t> staying;
};

/// A model without the channels that its masks emptied.
struct Shrunk {
    torch::jit::Module module;
    std::vector<ConversionRow> rows;      ///< tensors that changed
    std::vector<std::string> notes;       ///< pruned rows that stay, and why
    std::vector<OutputChannels> outputs;  ///< of every tensor in the output, in its order
};

/// Takes out of `model` (in eval mode, its masks squashed; it is not changed) every channel whose row is all zero and
/// that no part of the model misses: rows and biases of the layer, its batch norm, columns of the layers that take it,
/// which get its constant value into their bias; through a layer norm too, if linear layers alone take what it gives
/// and the channel is zero. What the model gives for any input of the sample's rank stays the same, but for
/// `narrow_outputs`, which takes pruned channels out of the model's output too. Throws Error(argument) where the model
/// holds something that cannot be rewritten or nothing can be taken out.
Shrunk shrink(const torch::jit::Module& model, const std::vector<c10::IValue>& sample, bool narrow_outputs);

}  // namespace lacuna::structured
