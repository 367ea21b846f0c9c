#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "engine/sparsifiers/activations.h"
#include "engine/torch/observe.h"

namespace lacuna {

/// Adds what `operand` brings: Σ x² for each of its features and its number of input vectors, summed in double, row
/// after row, whatever the number of threads. Throws Error(argument) naming `weight`, and leaves `sums` as they are,
/// if it was multiplied along its other dimension before.
void add_operand(Activations& sums, const Operand& operand, const std::string& weight);

/// Adds the sums of another part of the same run; either may be empty. Throws as `add_operand` does.
void add_activations(Activations& sums, const Activations& part, const std::string& weight);

/// Sums what live weights are multiplied with, from its making until it goes.
class Calibration {
  public:
    /// `names` are for errors.
    Calibration(std::vector<std::string> names, std::vector<at::Tensor> weights);

    /// What weight `index` has met so far; null if nothing. Throws Error(argument) for a weight that was multiplied
    /// along both of its dimensions.
    ActivationsPtr activations(size_t index);

  private:
    std::vector<std::string> names_;
    std::mutex mutex_;
    std::vector<Activations> sums_;
    OperandObserver observer_;
};

}  // namespace lacuna
