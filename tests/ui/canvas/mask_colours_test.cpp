#include "ui/canvas/mask_colours.h"

#include <gtest/gtest.h>

#include "ui/canvas/canvas.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

class Legend : public testing::TestWithParam<bool> {
  protected:
    MaskLegend of(MaskMode mode, int64_t down, int64_t across) const {
        return mask_legend(MaskColours(style, mode), mode, 0.25, down, across);
    }
    const ViewStyle style = view_style(Theme::of(GetParam()));
};

TEST_P(Legend, OfSingleWeightsSaysSignAndSize) {
    const MaskLegend weights = of(MaskMode::weights, 1, 1);
    EXPECT_EQ(weights.before, "");
    EXPECT_EQ(weights.least, "-0.25");
    EXPECT_EQ(weights.most, "0.25");
    const float first = 0.5f / float(weights.ramp.size());
    EXPECT_EQ(weights.ramp.front(), MaskColours(style, MaskMode::weights).weight(2 * first - 1, true));
    EXPECT_EQ(of(MaskMode::magnitude, 1, 1).least, "0");
    EXPECT_TRUE(of(MaskMode::mask, 1, 1).ramp.empty()) << "two colours, no ramp";
}

TEST_P(Legend, OfManyWeightsSaysThatItIsTheirMean) {
    const MaskColours colours(style, MaskMode::weights);
    const MaskLegend weights = of(MaskMode::weights, 4, 8);
    EXPECT_EQ(weights.before, "mean of 4×8");
    EXPECT_EQ(weights.least, "0") << "a mean of magnitudes has no sign";
    EXPECT_EQ(weights.most, "0.25");
    const float last = (float(weights.ramp.size()) - 0.5f) / float(weights.ramp.size());
    EXPECT_EQ(weights.ramp.back(), colours.cell(last, 1)) << "the very colours that such pixels have";
    const MaskLegend mask = of(MaskMode::mask, 1, 2);
    EXPECT_EQ(mask.before, "mean of 1×2");
    EXPECT_EQ(mask.least, "pruned");
    EXPECT_EQ(mask.most, "kept");
    EXPECT_EQ(mask.ramp.size(), weights.ramp.size());
}

INSTANTIATE_TEST_SUITE_P(Themes, Legend, testing::Values(false, true));

}  // namespace
}  // namespace lacuna::ui
