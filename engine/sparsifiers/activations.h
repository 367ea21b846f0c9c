#pragma once

#include <algorithm>
#include <cmath>
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
    /// A grouped convolution's are the channels of all groups: group g of G holds the g-th G-th of them.
    std::vector<double> squares;
    int64_t rows = 0;  ///< input vectors summed over
    /// The weight's dimension that the features lie along: 1 for (out, in) and convolutions, 0 for a weight that the
    /// model uses as (in, out) and for transposed convolutions.
    int64_t weight_dim = 1;
};
/// Whether every sum is a finite number, which data with NaN or infinities do not give.
inline bool are_sums_of_squares(const Activations& seen) {
    return std::all_of(seen.squares.begin(), seen.squares.end(),
                       [](double sum) { return std::isfinite(sum) && sum >= 0; });
}
using ActivationsPtr = std::shared_ptr<const Activations>;

/// By the FQN of the weight.
using ActivationSet = std::map<std::string, ActivationsPtr, std::less<>>;

}  // namespace lacuna
