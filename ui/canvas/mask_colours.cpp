#include "ui/canvas/mask_colours.h"

#include <algorithm>
#include <cmath>

#include "engine/base/numbers.h"

namespace lacuna::ui {

MaskColours::MaskColours(const ViewStyle& style, MaskMode mode)
    : mode_(mode), gap_(style.gap), kept_(style.kept), own_zero_(style.own_zero), not_finite_(style.warning) {
    for (int i = 0; i <= steps; ++i) {
        const float t = std::sqrt(float(i) / steps);
        const auto at = size_t(i);
        negative_[at] = between(style.zero, style.negative, t);
        positive_[at] = between(style.zero, style.positive, t);
        unsigned_[at] = between(negative_[at], positive_[at], 0.5f);
        magnitude_[at] = t < 0.5f ? between(style.magnitude_low, style.magnitude_middle, t * 2)
                                  : between(style.magnitude_middle, style.magnitude_high, t * 2 - 1);
    }
}

uint32_t MaskColours::weight(float share, bool kept, bool zero) const {
    if (mode_ != MaskMode::magnitude && kept && zero) return own_zero_;
    if (mode_ == MaskMode::mask) return kept ? kept_ : gap_;
    if (mode_ == MaskMode::weights && !kept) return gap_;
    if (std::isnan(share)) return not_finite_;
    const auto step = size_t(std::min(std::abs(share), 1.0f) * steps + 0.5f);
    if (mode_ == MaskMode::magnitude) return magnitude_[step];
    return share < 0 ? negative_[step] : positive_[step];
}

uint32_t MaskColours::cell(float mean_share, float kept, float zero) const {
    const auto step = size_t(std::clamp(mean_share, 0.0f, 1.0f) * steps + 0.5f);
    if (mode_ == MaskMode::magnitude) return magnitude_[step];
    uint32_t filled = mode_ == MaskMode::mask ? kept_ : unsigned_[step];
    if (zero > 0) filled = between(filled, own_zero_, std::min(zero / kept, 1.0f));
    return between(gap_, filled, std::clamp(kept, 0.0f, 1.0f));
}

MaskLegend mask_legend(const MaskColours& colours, MaskMode mode, double full_scale, int64_t down, int64_t across) {
    constexpr int ramp_steps = 48;
    MaskLegend legend;
    const bool means = down * across > 1, shares = mode == MaskMode::mask;
    if (means) legend.before = "mean of " + std::to_string(down) + "×" + std::to_string(across);
    if (shares && !means) return legend;
    const bool two_sided = mode == MaskMode::weights && !means;
    legend.least = shares ? "pruned" : number_text(two_sided ? -full_scale : 0);
    legend.most = shares ? "kept" : number_text(full_scale);
    for (int i = 0; i < ramp_steps; ++i) {
        const float t = (float(i) + 0.5f) / ramp_steps;
        legend.ramp.push_back(shares  ? colours.cell(1, t)
                              : means ? colours.cell(t, 1)
                                      : colours.weight(two_sided ? 2 * t - 1 : t, true));
    }
    return legend;
}

}  // namespace lacuna::ui
