#pragma once

#include "engine/mask/mask.h"
#include "engine/model/checkpoint.h"

namespace lacuna {

/// The mask that the file holds for a prepared tensor (Checkpoint::saved_masks), several of them laid over each other;
/// null if there is none. Throws Error(format) for one that does not fit (why_masks_unfit) or that holds other values
/// than 0 and 1.
MaskPtr saved_mask(const Checkpoint& checkpoint, size_t tensor);
/// The same, and null too for one that cannot be used.
MaskPtr readable_saved_mask(const Checkpoint& checkpoint, size_t tensor);
/// The same as saved_mask, and ones where there is none.
MaskPtr first_mask(const Checkpoint& checkpoint, size_t tensor);

/// A tensor's mask in the shape of the file's mask of it, which fits: itself, or by rows, of which those are kept that
/// keep anything.
MaskPtr in_saved_shape(const MaskPtr& mask, const Shape& saved);

/// A mask of whole rows, {rows}, as one of all weights of a tensor; others as they are.
MaskPtr in_tensor_shape(const MaskPtr& mask, const Shape& tensor);

}  // namespace lacuna
