#pragma once

#include "engine/model/conversion.h"

namespace lacuna {

/// The conversion `masked_activations`: an ActivationSparsifier on the linear layers and convolutions, each feature
/// scored by its norm over all samples; of equal ones the lower index goes first. Throws Error(argument) for a model
/// without such layers and for inputs that the model does not take.
ConversionReport convert_to_masked_activations(const ConversionRequest& request, Progress& progress);

}  // namespace lacuna
