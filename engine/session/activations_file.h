#pragma once

#include <filesystem>

#include "engine/base/progress.h"
#include "engine/sparsifiers/activations.h"

namespace lacuna {

/// Writes what a calibration saw as safetensors: for each weight, under its FQN, an F64 vector of sums of squares, one
/// for each input feature, and in the metadata `rows.FQN` and `weight_dim.FQN`. Renamed into place. Throws Error(file).
void write_activations(const ActivationSet& activations, const std::filesystem::path& path, Progress& progress);

/// Reads such a file, whoever wrote it: sums in any floating type, and both metadata keys may be left out (weight_dim
/// is 1 then, the input features' dimension in a Linear's and a convolution's weight). Throws Error(file),
/// Error(format).
ActivationSet read_activations(const std::filesystem::path& path);

}  // namespace lacuna
