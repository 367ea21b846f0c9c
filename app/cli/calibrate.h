#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/cli/console.h"
#include "engine/model/checkpoint.h"
#include "engine/session/recipe.h"
#include "engine/sparsifiers/activations.h"

namespace lacuna::cli {

/// Where a command finds out what enters the layers that it prunes; at most one of the two.
struct CalibrationSource {
    std::optional<std::filesystem::path> data;         ///< samples to run through the model
    std::optional<std::filesystem::path> activations;  ///< what `lacuna-cli calibrate` wrote
    std::string device = "cpu";
};

/// What the rules of `targets` look at: nothing if no rule looks at a layer's input. Targets that a glob brought and
/// whose layer has no input are taken out, with a note. Throws Error(argument) naming another weight that the source
/// says nothing of, or without a source; else what opening and running throw.
ActivationSet activations_for(const CheckpointPtr& checkpoint, std::vector<Target>& targets,
                              const CalibrationSource& source, const Console& console, Progress& progress);

}  // namespace lacuna::cli
