#pragma once

#include <filesystem>

#include "engine/base/progress.h"
#include "engine/sparsifiers/activations.h"

namespace lacuna {

/// Writes what a calibration saw as safetensors: for each weight, under its FQN, an F64 vector of sums of squares, one
/// for each input feature, and in the metadata `rows.FQN` and `weight_dim.FQN`. Renamed into place. Throws Error(file).
void write_activations(const ActivationSet& activations, const std::filesystem::path& path, Progress& progress);

/// Reads what `write_activations` wrote. Throws Error(file), Error(format).
ActivationSet read_activations(const std::filesystem::path& path);

}  // namespace lacuna
