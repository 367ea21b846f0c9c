#include "ui/theme.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace lacuna::ui {
namespace {

/// Relative luminance as WCAG 2 defines it.
double luminance(const QColor& colour) {
    const auto linear = [](double part) {
        return part <= 0.04045 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF());
}

double contrast(const QColor& a, const QColor& b) {
    const auto [dark, light] = std::minmax({luminance(a), luminance(b)});
    return (light + 0.05) / (dark + 0.05);
}

class ThemeTest : public testing::TestWithParam<bool> {
  protected:
    const Theme& theme = Theme::of(GetParam());
};

TEST_P(ThemeTest, TextCanBeReadOnEverySurface) {
    for (const QColor& surface : {theme.window, theme.surface, theme.alternate, theme.raised}) {
        EXPECT_GE(contrast(theme.text, surface), 7);
        EXPECT_GE(contrast(theme.muted, surface), 4.5);
    }
    EXPECT_GE(contrast(theme.on_accent, theme.accent), 4.5);
    for (const QColor& mark : {theme.information, theme.success, theme.warning, theme.error})
        EXPECT_GE(contrast(mark, theme.surface), 4.5);
}

TEST_P(ThemeTest, MarksStandOutFromTheSurfaceAndFromEachOther) {
    for (const QColor& mark : {theme.kept, theme.pruned, theme.threshold, theme.accent})
        EXPECT_GE(contrast(mark, theme.surface), 3);
    for (const QColor& curve : theme.series) EXPECT_GE(contrast(curve, theme.surface), 3);
    EXPECT_GE(contrast(theme.kept, theme.pruned), 1.5) << "by lightness, for those who do not see the hue";
    EXPECT_GE(contrast(theme.zero, theme.gap), 1.8) << "a kept weight of 0 is no gap";
    EXPECT_GE(contrast(theme.kept, theme.gap), 5);
}

TEST_P(ThemeTest, PaletteTakesTheThemesColours) {
    const QPalette palette = theme.palette();
    EXPECT_EQ(palette.color(QPalette::Window), theme.window);
    EXPECT_EQ(palette.color(QPalette::Base), theme.surface);
    EXPECT_EQ(palette.color(QPalette::Disabled, QPalette::Text), theme.disabled);
}

INSTANTIATE_TEST_SUITE_P(Both, ThemeTest, testing::Bool());

TEST(ThemeChoice, CurrentFollowsSetDark) {
    Theme::set_dark(true);
    EXPECT_TRUE(Theme::current().dark);
    Theme::set_dark(false);
    EXPECT_FALSE(Theme::current().dark);
}

}  // namespace
}  // namespace lacuna::ui
