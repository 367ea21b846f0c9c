#pragma once

#include <string>

#include "engine/sparsifiers/activations.h"
#include "engine/torch/observe.h"

namespace lacuna {

/// Adds what `operand` brings: Σ x² for each of its features and its number of input vectors, summed in double, row
/// after row, whatever the number of threads. Throws Error(argument) naming `weight`, and leaves `sums` as they are,
/// if it was multiplied along its other dimension before.
void add_operand(Activations& sums, const Operand& operand, const std::string& weight);

/// Adds the sums of another part of the same run; either may be empty. Throws as `add_operand` does.
void add_activations(Activations& sums, const Activations& part, const std::string& weight);

}  // namespace lacuna
