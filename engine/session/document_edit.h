#pragma once

#include <functional>

#include "engine/session/document.h"

namespace lacuna {

/// The mask has to be computed again, or goes back to what was stepped where no rule holds.
void outdate(TensorState& state, int64_t elements);

/// Applies `edit` to a copy of every named tensor's state; an edit says no by returning a reason. What the schedule
/// gives the next step is brought up to date.
EditResult edited(const Document& document, const std::vector<size_t>& tensors,
                  const std::function<std::string(size_t, TensorState&)>& edit);

}  // namespace lacuna
