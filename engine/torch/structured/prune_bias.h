#pragma once

#include <torch/csrc/jit/api/module.h>

#include <vector>

namespace lacuna::structured {

/// A weight and the bias that is added to what its rows give.
struct WeightAndBias {
    std::string weight_fqn, bias_fqn;
    at::Tensor weight, bias;
};

/// "fc.weight" with "fc.bias", "lstm.weight_ih_l0" with "lstm.bias_ih_l0", …: where both are there.
std::vector<WeightAndBias> weights_and_biases(const torch::jit::Module& module);

/// Zeroes, in place, the bias of every row whose weights are all zero: torch.ao.pruning's prune_bias.
void zero_pruned_biases(torch::jit::Module& module);

}  // namespace lacuna::structured
