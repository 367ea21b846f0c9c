#pragma once

#include <span>
#include <vector>

#include "engine/session/session.h"

namespace lacuna {

/// The units (Sparsifier::spans_tensors) of all tensors that a step would prune: lists of tensor indices in order.
std::vector<std::vector<size_t>> units_of(std::span<const TensorStatePtr> tensors);

/// The unit that `tensor` is in, itself included; empty if a step passes it by.
std::vector<size_t> unit_of(std::span<const TensorStatePtr> tensors, size_t tensor);

/// The tensors whose states are the same in both, but that share a unit with one whose state is not: those whose masks
/// an edit made old although they were not edited themselves. `before` and `after` are of one checkpoint.
std::vector<size_t> outdated_mates(std::span<const TensorStatePtr> before, std::span<const TensorStatePtr> after);

}  // namespace lacuna
