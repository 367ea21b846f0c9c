#pragma once

#include "engine/model/conversion.h"

namespace lacuna {

/// A conversion's work: `request` passed lacuna::convert's checks and has complete options. Writes `request.out`.
using ConvertFunction = ConversionReport (*)(const ConversionRequest& request, Progress& progress);

/// Runs the function that belongs to `request.conversion`. Throws Error as lacuna::convert does.
ConversionReport convert_with_torch(const ConversionRequest& request, Progress& progress);

}  // namespace lacuna
