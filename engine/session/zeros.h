#pragma once

#include <cstdint>
#include <optional>

#include "engine/base/progress.h"
#include "engine/mask/mask.h"
#include "engine/tensor/tensor_view.h"

namespace lacuna {

/// Elements that are zero, ±0 alike, once `mask` (null: none) is squashed in. Nothing for types whose zeros cannot be
/// told from the bytes alone (quantised, smaller than a byte). All threads work on one tensor; no copy of it is made.
/// Throws Error(argument) if the mask has another shape. Cancelled through `token`, the number means nothing.
std::optional<int64_t> count_zeros(const TensorView& tensor, const Mask* mask = nullptr, const CancelToken& token = {});

}  // namespace lacuna
