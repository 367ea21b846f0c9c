#pragma once

#include "engine/torch/convert.h"

namespace lacuna {

/// The conversion that engine/model/quantized_embeddings.cpp declares (ConvertFunction). Embedding layers are replaced
/// where the model only calls them; the notes say which stay, and why. Masks are laid on all tensors that they name.
/// The written file is loaded again, its pruned values are checked, and it is compared on the request's data, or on
/// random indices (numbers, if the model takes no indices) of its input shape.
ConversionReport convert_to_quantised_embeddings(const ConversionRequest& request, Progress& progress);

}  // namespace lacuna
