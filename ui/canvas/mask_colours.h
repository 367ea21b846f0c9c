#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ui/canvas/style.h"

namespace lacuna::ui {

/// What the mask view paints.
enum class MaskMode {
    weights,    ///< the weights' sign and size, pruned ones as gaps
    mask,       ///< kept or pruned, nothing else
    magnitude,  ///< |w| of all weights, pruned or not
};

/// Colours of weights and cells of weights, as texels (0xAABBGGRR). Sizes are taken on a square root scale, so that the
/// many small weights of a layer do not all look like 0.
class MaskColours {
  public:
    MaskColours(const ViewStyle& style, MaskMode mode);

    /// A single weight: `share` is the weight divided by full scale (saturates at ±1; NaN gets a colour of its own),
    /// `zero` whether it is zero in the file.
    uint32_t weight(float share, bool kept, bool zero = false) const;
    /// Many weights: mean |weight| divided by full scale, and the fractions of them that are kept, and kept but zero.
    /// Half of the weights count as negative: a coarse cell looks like its weights seen from far off.
    uint32_t cell(float mean_share, float kept, float zero = 0) const;

  private:
    static constexpr int steps = 512;

    MaskMode mode_;
    uint32_t gap_, kept_, own_zero_, not_finite_;
    std::array<uint32_t, steps + 1> negative_, positive_, unsigned_, magnitude_;
};

/// What the picture's colours mean.
struct MaskLegend {
    std::string before;          ///< what a pixel's colour is of, where it is no single weight: "mean of 4×4"
    std::vector<uint32_t> ramp;  ///< from `least` to `most`; empty: a colour for kept weights and one for pruned ones
    std::string least, most;
};
/// Of pixels that stand for `down` × `across` weights each.
MaskLegend mask_legend(const MaskColours& colours, MaskMode mode, double full_scale, int64_t down, int64_t across);

}  // namespace lacuna::ui
