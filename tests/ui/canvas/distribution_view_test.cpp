#include "ui/canvas/distribution_view.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/ui/canvas/harness.h"
#include "tests/ui/canvas/sample.h"

namespace lacuna::ui {
namespace {

class DistributionViewTest : public testing::Test {
  protected:
    DistributionViewAction frame(const TensorDetailPtr& detail) {
        return harness.frame([&] { return view.draw(detail, harness.style, harness.width(), harness.height()); });
    }
    DistributionViewAction frame() { return frame(sample.detail); }
    float threshold_x(int sign) const {
        return view.x_of(sign * sample.detail->curve->threshold_at(*sample.detail->level));
    }
    float middle_y() const { return (view.plot_area().y + view.plot_area().w) / 2; }
    double weight_at(float x) const {
        const ImVec4 area = view.plot_area();
        const WeightBins& bins = *sample.detail->bins;
        return bins.low + double((x - area.x) / (area.z - area.x)) * (bins.high - bins.low);
    }
    static std::shared_ptr<TensorDetail> copy(const Sample& of) { return std::make_shared<TensorDetail>(*of.detail); }

    Harness harness{700, 420};
    DistributionView view;
    const Sample sample = trained_sample({64, 128}, 0.5);
};

TEST_F(DistributionViewTest, SaysWhatToDoWhenNothingIsSelected) {
    EXPECT_FALSE(frame(nullptr).level);
    EXPECT_GT(ImGui::GetDrawData()->TotalVtxCount, 4 * 30);
    auto bare = std::make_shared<TensorDetail>();
    EXPECT_FALSE(frame(bare).level);
    const Sample none = sample_of({0, 4}, 0.5, [](int64_t) { return 0.0f; });
    EXPECT_FALSE(frame(none.detail).level);
}

TEST_F(DistributionViewTest, DraggingTheLineAsksForTheLevelUnderThePointer) {
    for (const int sign : {1, -1}) {
        view = {};
        frame(), frame();
        const float start = threshold_x(sign), target = start + float(sign) * 70;
        harness.move(start, middle_y());
        frame(), frame();
        harness.press();
        EXPECT_FALSE(frame().level) << "a press alone moves nothing";
        harness.move(target, middle_y());
        const auto drag = frame();
        ASSERT_TRUE(drag.level) << "side " << sign;
        EXPECT_TRUE(drag.dragging);
        EXPECT_FALSE(drag.released);
        const double expected = sample.detail->curve->level_at(std::abs(weight_at(target)));
        EXPECT_NEAR(*drag.level, expected, 0.004);
        EXPECT_GT(*drag.level, 0.55);
        harness.release();
        const auto end = frame();
        ASSERT_TRUE(end.level);
        EXPECT_EQ(*end.level, *drag.level);
        EXPECT_FALSE(end.dragging);
        EXPECT_TRUE(end.released);
        EXPECT_FALSE(frame().level) << "said once";
    }
}

TEST_F(DistributionViewTest, UnderAScheduleTheStepsLineIsDrawnAndTheTensorsOwnIsDragged) {
    auto scheduled = copy(sample);
    scheduled->scheduled = 0.2;
    // A line is drawn from the plot's upper to its lower edge.
    const auto lines_at = [&](float x) {
        int corners = 0;
        for (const ImDrawList* list : ImGui::GetDrawData()->CmdLists)
            for (const ImDrawVert& corner : list->VtxBuffer)
                if (std::abs(corner.pos.x - x) <= 2 && std::abs(corner.pos.y - view.plot_area().w) <= 2) ++corners;
        return corners;
    };
    frame(), frame();
    const float step = view.x_of(sample.detail->curve->threshold_at(0.2)), own = threshold_x(1);
    const int without = lines_at(step);
    frame(scheduled), frame(scheduled);
    EXPECT_GT(lines_at(step), without);
    const auto pull = [&](float from) {
        harness.move(from, middle_y());
        frame(scheduled), frame(scheduled);
        harness.press();
        frame(scheduled);
        harness.move(from + 20, middle_y());
        const auto level = frame(scheduled).level;
        harness.release();
        frame(scheduled), frame(scheduled);
        return level;
    };
    EXPECT_FALSE(pull(step)) << "the schedule moves it, and nobody else";
    ASSERT_TRUE(pull(own));
}

TEST_F(DistributionViewTest, TheLineStaysWhereItWasDraggedUntilANewDetailComes) {
    frame(), frame();
    harness.move(threshold_x(1), middle_y());
    frame(), frame();
    harness.press();
    frame();
    const float target = threshold_x(1) + 60;
    harness.move(target, middle_y());
    const double asked = *frame().level;
    harness.release();
    frame();
    // The line can be taken again where it was left, though the detail still has the old level.
    harness.move(target, middle_y());
    frame(), frame();
    harness.press();
    frame();
    harness.move(target + 30, middle_y());
    EXPECT_TRUE(frame().level);
    harness.move(target, middle_y());
    frame();
    harness.release();
    frame();
    auto next = copy(sample);
    next->level = asked;
    EXPECT_FALSE(frame(next).level);
}

TEST_F(DistributionViewTest, AWholeDragBetweenTwoDetailsIsOneChange) {
    frame(), frame();
    harness.move(threshold_x(1), middle_y());
    frame(), frame();
    harness.press();
    frame();
    harness.move(threshold_x(1) + 40, middle_y());
    const auto first = frame();
    auto next = copy(sample);
    next->level = *first.level;
    EXPECT_FALSE(frame(next).released) << "the preview's answer does not end the drag";
    harness.move(threshold_x(1) + 80, middle_y());
    const auto second = frame(next);
    ASSERT_TRUE(second.level);
    EXPECT_TRUE(second.dragging);
    EXPECT_GT(*second.level, *first.level);
    harness.release();
    EXPECT_TRUE(frame(next).released);
}

TEST_F(DistributionViewTest, ALateAnswerDoesNotPullTheLineBack) {
    frame(), frame();
    harness.key(ImGuiKey_PageUp, true);
    frame();
    harness.key(ImGuiKey_PageUp, false);
    ASSERT_NEAR(frame().level.value_or(0), 0.6, 1e-9);
    const auto nudged_after = [&](double level) {
        auto detail = copy(sample);
        detail->level = level;
        frame(detail);
        harness.key(ImGuiKey_RightArrow, true);
        const auto asked = frame(detail).level;
        harness.key(ImGuiKey_RightArrow, false);
        frame(detail);
        return asked.value_or(-1);
    };
    EXPECT_NEAR(nudged_after(0.55), 0.61, 1e-9) << "an answer to a moment before: what was asked for still holds";
    EXPECT_NEAR(nudged_after(0.61), 0.62, 1e-9);
    std::vector<TensorDetailPtr> stubborn;
    for (int i = 0; i < 4; ++i) {
        auto detail = copy(sample);
        detail->level = 0.25;
        stubborn.push_back(detail);
        frame(detail);
    }
    harness.key(ImGuiKey_RightArrow, true);
    EXPECT_NEAR(frame(stubborn.back()).level.value_or(-1), 0.26, 1e-9) << "a rule that stays at its level is believed";
}

TEST_F(DistributionViewTest, ALineDraggedAcrossZeroStopsThere) {
    frame(), frame();
    harness.move(threshold_x(1), middle_y());
    frame(), frame();
    harness.press();
    frame();
    harness.move(view.plot_area().x + 5, middle_y());
    const auto action = frame();
    ASSERT_TRUE(action.level);
    EXPECT_NEAR(*action.level, 0, 0.01);
    harness.release();
    frame();
}

TEST_F(DistributionViewTest, KeysNudgeTheLevelAndReleaseEndsIt) {
    frame(), frame();
    const auto nudged = [&](ImGuiKey key) {
        harness.key(key, true);
        const auto down = frame();
        harness.key(key, false);
        const auto up = frame();
        EXPECT_TRUE(down.dragging);
        EXPECT_TRUE(up.released);
        EXPECT_FALSE(up.dragging);
        EXPECT_EQ(down.level, up.level);
        return up.level.value_or(-1);
    };
    EXPECT_NEAR(nudged(ImGuiKey_RightArrow), 0.51, 1e-9);
    EXPECT_NEAR(nudged(ImGuiKey_RightArrow), 0.52, 1e-9) << "from where the last one led";
    EXPECT_NEAR(nudged(ImGuiKey_LeftArrow), 0.51, 1e-9);
    EXPECT_NEAR(nudged(ImGuiKey_PageUp), 0.61, 1e-9);
    harness.key(ImGuiMod_Shift, true);
    frame();
    EXPECT_NEAR(nudged(ImGuiKey_LeftArrow), 0.609, 1e-9);
    harness.key(ImGuiMod_Shift, false);
    frame();
    EXPECT_EQ(nudged(ImGuiKey_End), 1);
    EXPECT_EQ(nudged(ImGuiKey_RightArrow), 1);
    EXPECT_EQ(nudged(ImGuiKey_Home), 0);
}

TEST_F(DistributionViewTest, AHeldKeyRepeats) {
    frame(), frame();
    harness.key(ImGuiKey_RightArrow, true);
    double level = 0;
    for (int i = 0; i < 60; ++i)
        if (const auto action = frame(); action.level) level = *action.level;
    EXPECT_GT(level, 0.53);
    harness.key(ImGuiKey_RightArrow, false);
    EXPECT_TRUE(frame().released);
}

TEST_F(DistributionViewTest, WithoutACurveNothingCanBeDragged) {
    auto fixed = copy(sample);
    fixed->curve = nullptr;
    fixed->level.reset();
    frame(fixed), frame(fixed);
    harness.move(threshold_x(1), middle_y());
    frame(fixed), frame(fixed);
    harness.press();
    frame(fixed);
    harness.move(threshold_x(1) + 60, middle_y());
    EXPECT_FALSE(frame(fixed).level);
    harness.release();
    EXPECT_FALSE(frame(fixed).level);
    harness.key(ImGuiKey_RightArrow, true);
    EXPECT_FALSE(frame(fixed).level);
}

TEST_F(DistributionViewTest, KeyLTurnsTheScale) {
    frame(), frame();
    harness.key(ImGuiKey_L, true);
    frame();
    harness.key(ImGuiKey_L, false);
    frame();
    EXPECT_TRUE(view.logarithmic());
}

TEST_F(DistributionViewTest, FewWeightsMakeFewBarsAndNoneIsLost) {
    const auto sum = [](const std::vector<double>& bars) { return std::accumulate(bars.begin(), bars.end(), 0.0); };
    for (const auto& [shape, bars] : {std::pair{Shape{12, 24}, 16u}, {Shape{64, 128}, 64u}, {Shape{512, 512}, 128u}}) {
        const Sample few = trained_sample(shape, 0.5);
        frame(few.detail);
        EXPECT_EQ(view.bars().size(), bars) << to_string(shape);
        EXPECT_EQ(sum(view.bars()), double(few.detail->weight.elements()));
        EXPECT_EQ(sum(view.pruned_bars()), double(few.detail->mask->pruned()));
    }
}

TEST_F(DistributionViewTest, FitsIntoNarrowDocksAndOddData) {
    for (const auto& [width, height] : {std::pair{300.0f, 180.0f}, {120.0f, 90.0f}, {30.0f, 30.0f}, {1.0f, 1.0f}}) {
        harness.resize(width, height);
        frame(), frame();
        if (width < 100) continue;
        const ImVec4 area = view.plot_area();
        EXPECT_GE(area.x, 0);
        EXPECT_LE(area.z, width) << "nothing of the plot is cut off";
        EXPECT_LE(area.w, height);
    }
    harness.resize(500, 300);
    for (const float value : {0.0f, 1.0f, -3e30f, 1e-30f}) {
        const Sample equal = sample_of({4, 4}, 0.5, [value](int64_t) { return value; });
        for (const bool log : {false, true}) {
            view.set_logarithmic(log);
            EXPECT_FALSE(frame(equal.detail).level);
            EXPECT_FALSE(frame(equal.detail).level);
        }
    }
}

}  // namespace
}  // namespace lacuna::ui
