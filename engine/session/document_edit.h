#pragma once

#include <functional>

#include "engine/session/document.h"

namespace lacuna {

/// The mask has to be computed again, or goes back to what was stepped where no rule holds.
void outdate(TensorState& state, int64_t elements);

/// Masks of a unit are to be computed again where one of its tensors is not the one in `before` any more: it left, it
/// joined, its options or its mask changed.
void outdate_units(std::span<const TensorStatePtr> before, Document& document);

/// Applies `edit` to a copy of every named tensor's state; an edit says no by returning a reason. What the schedule
/// gives the next step is brought up to date, and the masks of units that it touches are to be computed again too.
EditResult edited(const Document& document, const std::vector<size_t>& tensors,
                  const std::function<std::string(size_t, TensorState&)>& edit);

}  // namespace lacuna
