#pragma once

#include "engine/model/conversion.h"
#include "engine/torch/structured/analysis.h"
#include "engine/torch/structured/flat_module.h"

namespace lacuna::structured {

/// Rewrites a layer norm, some of whose channels leave, and the linear layers behind it: what their leaving columns
/// make of the norm's common number is a new tensor `carried` beside their weight, of the rows that stay. What the norm
/// adds to leaving channels is a Fold of its own. Throws Error(argument) for a weight that is no attribute.
void shorten(const ShortNorm& norm, Analysis& analysis, torch::jit::Graph& graph, NewTensors& tensors,
             std::vector<ConversionRow>& rows);

}  // namespace lacuna::structured
