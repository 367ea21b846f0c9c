#pragma once

#include "engine/session/sparsifier_state.h"
#include "engine/torch/module_sparsifier.h"

namespace lacuna {

/// A state that came from a file (read_sparsifier_state), Python's or ours, for ModuleSparsifier::load_state_dict.
/// `unsaid` is the sparsifier of groups whose keys do not tell which it is; options that a group lacks are its
/// defaults'. Throws Error(argument) for a group of which nobody says whose it is or that lacks its mask, Error(format)
/// for an option that cannot be.
ModuleSparsifierState to_module_state(const SparsifierState& saved, const Sparsifier* unsaid = nullptr);

/// The way back, for write_sparsifier_state. Masks are written in the type that `mask_dtype` names: give the weights'.
SparsifierState to_saved_state(const ModuleSparsifierState& state, DType mask_dtype = DType::F32);

}  // namespace lacuna
