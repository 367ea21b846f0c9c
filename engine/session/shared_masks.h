#pragma once

#include "engine/formats/formats.h"

namespace lacuna {

/// Makes masks say what an export will prune: tensors that share storage, such as tied weights, lose what any of their
/// masks prunes there. Masks of tensors that share with no other masked tensor stay as they are. Every name is in
/// `checkpoint`.
void spread_over_shared_storage(const Checkpoint& checkpoint, MaskSet& masks);

}  // namespace lacuna
