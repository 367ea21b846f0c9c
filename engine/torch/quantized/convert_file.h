#pragma once

#include "engine/torch/convert.h"

namespace lacuna {

// The conversions that engine/model/sparse_quantised.cpp declares (ConvertFunction). Pruned Linear layers (those that a
// mask names, or without masks those whose weight holds zeros) are replaced where the model only calls them; the notes
// say which stay, and why. Masks are laid on all tensors that they name. The written file is loaded again and compared.

ConversionReport convert_sparse_quantised_static(const ConversionRequest& request, Progress& progress);
ConversionReport convert_sparse_quantised_dynamic(const ConversionRequest& request, Progress& progress);

}  // namespace lacuna
