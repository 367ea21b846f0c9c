#include "engine/torch/quantized/ranges.h"

#include <torch/script.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.h"

namespace lacuna {
namespace {

constexpr float smallest_scale = std::numeric_limits<float>::epsilon();  // upstream's

}  // namespace

QuantisedScale activation_scale(const ValueRange& range, bool reduce_range) {
    if (!std::isfinite(range.lowest) || !std::isfinite(range.highest) || range.lowest > range.highest)
        throw Error(ErrorKind::argument, "range of values",
                    std::to_string(range.lowest) + " to " + std::to_string(range.highest) + " cannot be quantised",
                    "calibrate on data that give finite values");
    const float lowest = std::min(float(range.lowest), 0.0f), highest = std::max(float(range.highest), 0.0f);
    const float top = reduce_range ? 127 : 255;
    const float scale = std::max((highest - lowest) / top, smallest_scale);
    return {scale, int64_t(std::clamp(-std::nearbyint(lowest / scale), 0.0f, top))};
}

at::Tensor quantised_weight(const at::Tensor& weight, bool per_channel) {
    const at::NoGradGuard no_grad;
    const at::Tensor plain = weight.detach().to(at::kCPU, at::kFloat).contiguous();
    if (!at::isfinite(plain).all().item<bool>())
        throw Error(ErrorKind::argument, "weight", "has values that are not finite and cannot be quantised");
    const at::Tensor largest = per_channel ? plain.abs().amax(1) : plain.abs().amax();
    const at::Tensor scales = (largest / 127.5f).clamp_min(smallest_scale).to(at::kDouble);
    if (!per_channel) return at::quantize_per_tensor(plain, scales.item<double>(), 0, at::kQInt8);
    return at::quantize_per_channel(plain, scales, at::zeros_like(scales, at::kLong), 0, at::kQInt8);
}

}  // namespace lacuna
