#pragma once

#include "engine/model/conversion.h"

namespace lacuna {

/// The conversion `smaller`: channels whose rows the masks emptied leave the model, as structured::shrink says. The
/// file is opened again and compared with the masked model before this returns.
ConversionReport convert_to_smaller(const ConversionRequest& request, Progress& progress);

}  // namespace lacuna
