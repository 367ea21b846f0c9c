#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace lacuna {

/// What a calibration saw at the input that one weight is multiplied with, folded to a number a feature as it ran:
/// memory grows with the features, not with the samples.
struct Activations {
    /// Σ x² over all samples and positions, one for each input feature: a linear layer's last input dimension, a
    /// convolution's input channel.
    std::vector<double> squares;
    int64_t rows = 0;  ///< input vectors summed over
};
using ActivationsPtr = std::shared_ptr<const Activations>;

/// By the FQN of the weight.
using ActivationSet = std::map<std::string, ActivationsPtr, std::less<>>;

}  // namespace lacuna
