#include "ui/canvas/mask_colours.h"

#include <algorithm>
#include <cmath>

namespace lacuna::ui {

MaskColours::MaskColours(const ViewStyle& style, MaskMode mode)
    : mode_(mode), gap_(style.gap), kept_(style.kept), not_finite_(style.warning) {
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

uint32_t MaskColours::weight(float share, bool kept) const {
    if (mode_ == MaskMode::mask) return kept ? kept_ : gap_;
    if (mode_ == MaskMode::weights && !kept) return gap_;
    if (std::isnan(share)) return not_finite_;
    const auto step = size_t(std::min(std::abs(share), 1.0f) * steps + 0.5f);
    if (mode_ == MaskMode::magnitude) return magnitude_[step];
    return share < 0 ? negative_[step] : positive_[step];
}

uint32_t MaskColours::cell(float mean_share, float kept) const {
    const auto step = size_t(std::clamp(mean_share, 0.0f, 1.0f) * steps + 0.5f);
    if (mode_ == MaskMode::magnitude) return magnitude_[step];
    return between(gap_, mode_ == MaskMode::mask ? kept_ : unsigned_[step], std::clamp(kept, 0.0f, 1.0f));
}

}  // namespace lacuna::ui
