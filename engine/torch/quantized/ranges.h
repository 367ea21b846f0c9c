#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace lacuna {

/// The smallest and largest value that was seen.
struct ValueRange {
    double lowest = 0, highest = 0;
};

/// real = scale · (integer − zero_point)
struct QuantisedScale {
    double scale = 1;
    int64_t zero_point = 0;
};

/// How a layer is quantised: torch.ao.quantization's QConfig for linear layers, whose weights are always symmetric
/// (zero point 0, so that pruned weights stay exactly 0).
struct QConfig {
    bool per_channel = true;  ///< a scale for each output; else one for the weight
    /// Activations take 7 of QUINT8's 8 bits, as torch.ao.quantization's own settings for FBGEMM: on processors without
    /// VNNI its kernels add pairs of products in 16 bits, which 8 bits can overflow.
    bool reduce_range = true;
};

/// MinMaxObserver's scale for QUINT8: the range widened to hold 0, in float32 as upstream computes it. Throws
/// Error(argument) for a range that is not finite or upside down.
QuantisedScale activation_scale(const ValueRange& range, bool reduce_range);

/// A FLOAT weight (out, in) as QINT8 by symmetric scales of MinMaxObserver or PerChannelMinMaxObserver: largest |w| by
/// 127.5. Zeros stay exactly zero. Throws Error(argument) for values that are not finite.
at::Tensor quantised_weight(const at::Tensor& weight, bool per_channel);

}  // namespace lacuna
