#pragma once

#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// The option `score`: whether weights pruned so far score 0 or every step scores all weights anew.
OptionSpec score_option();
/// The mask whose pruned weights score 0, if the option asks for that; else null.
const Mask* scored_mask(const MaskRequest& request);

}  // namespace lacuna
