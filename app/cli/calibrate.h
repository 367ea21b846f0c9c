#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/model/checkpoint.h"
#include "engine/session/pruning.h"

namespace lacuna::cli {

/// Where a command finds out what enters the layers that it prunes; at most one of the two.
struct CalibrationSource {
    std::optional<std::filesystem::path> data;         ///< samples to run through the model
    std::optional<std::filesystem::path> activations;  ///< what `lacuna-cli calibrate` wrote
    std::string device = "cpu";
};

/// What the targets' rules look at: nothing if no rule looks at a layer's input. Throws Error(argument) naming a
/// weight that the source says nothing of, or without a source; else what opening and running throw.
ActivationSet activations_for(const CheckpointPtr& checkpoint, std::span<const Target> targets,
                              const CalibrationSource& source, Progress& progress);

}  // namespace lacuna::cli
