#pragma once

#include <string>
#include <vector>

#include "engine/model/checkpoint.h"

namespace lacuna {

/// A layer's type told from what its own tensors are called and how they are shaped, for files that do not say it:
/// "Linear", "Conv2d", "BatchNorm", … `name` is the layer's last name part; it tells Embedding from Linear.
/// Empty where nothing is known.
std::string guess_layer_type(std::string_view name, const std::vector<const TensorInfo*>& tensors);

}  // namespace lacuna
