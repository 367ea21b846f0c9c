#pragma once

#include <string>

#include "engine/mask/mask.h"

namespace lacuna {

/// The mask that stands between a weight and its use, as torch.ao.pruning's FakeSparsity does (docs/parity.md): one
/// mask, one owner. Pruned weights read as +0 whatever was there; the weight itself keeps its values until squashed.
struct FakeSparsity {
    MaskPtr mask;         ///< never null once prepared
    bool enabled = true;  ///< mask updates: false freezes the mask, `step` passes it by (enable_mask_update)
};

}  // namespace lacuna
