#pragma once

#include "engine/session/document.h"
#include "engine/session/sparsifier_state.h"

namespace lacuna {

/// What a sparsifier's state says, in place of what was chosen: its tensors' sparsifiers, options and masks, and the
/// schedulers with the epoch that they had come to. Throws Error(argument) and Error(format), as reading it for
/// `targets_from` does, and for a group that neither says which sparsifier it is of nor has one in the document.
DocumentPtr with_state(const Document& document, const SparsifierState& state);

/// The state of the steps taken; a preview is not in it. Throws Error(state) if no tensor has a sparsifier,
/// Error(argument) if one's options do not go together.
SparsifierState state_of(const Document& document);

}  // namespace lacuna
