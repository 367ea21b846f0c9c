#include "ui/canvas/schedule_view.h"

#include <gtest/gtest.h>

#include "tests/ui/canvas/harness.h"
#include "tests/ui/shell/sample_model.h"

namespace lacuna::ui {
namespace {

class ScheduleViewTest : public testing::Test {
  protected:
    ScheduleViewTest() {
        snapshot = snapshot_of(write_sample(folder / "sample.safetensors"));
        for (size_t tensor : {fc1_weight, fc2_weight, head_weight})
            snapshot = with_state(*snapshot, tensor,
                                  [](TensorState& state) { state.sparsifier = &sparsifier("weight_norm"); });
    }
    /// Five steps of a curve that ends at the fifth; two are taken.
    void plan() {
        const Options fitted = schedule("cubic").fitted({}, 5);
        for (size_t tensor = 0; tensor < snapshot->tensors.size(); ++tensor)
            snapshot = with_state(*snapshot, tensor, [&](TensorState& state) { state.schedule = {fitted}; });
        snapshot->schedule = ScheduleState{{&schedule("cubic")}, 5};
        snapshot->steps = 2;
        for (const int64_t kept : {128, 96}) {
            std::vector<int64_t> record(snapshot->tensors.size(), 0);
            record[fc1_weight] = kept, record[fc2_weight] = 64, record[head_weight] = 32;
            snapshot->history.push_back(std::make_shared<const std::vector<int64_t>>(record));
        }
    }
    void frame() {
        harness.frame([&] {
            view.draw(schedule_plot(*snapshot), harness.style, harness.width(), harness.height());
            return 0;
        });
    }

    testing_support::ScratchFolder folder;
    std::shared_ptr<Snapshot> snapshot;
    Harness harness{300, 200};
    ScheduleView view;
};

TEST_F(ScheduleViewTest, WithoutAScheduleItSaysWhatOneIs) {
    frame();
    EXPECT_FALSE(schedule_plot(*snapshot).scheduled);
    EXPECT_EQ(view.plot_area().z, 0);
    EXPECT_GT(ImGui::GetDrawData()->TotalVtxCount, 4 * 60) << "a sentence";
}

TEST_F(ScheduleViewTest, GroupsHaveACurveEachWithWhatWasMeasured) {
    plan();
    snapshot = with_state(*snapshot, fc1_weight, [](TensorState& state) { state.options.set("sparsity_level", 0.8); });
    const SchedulePlot plot = schedule_plot(*snapshot);
    ASSERT_EQ(plot.curves.size(), 2u);
    EXPECT_EQ(plot.curves[0].name, "encoder.fc1.weight");
    EXPECT_EQ(plot.curves[1].name, "encoder.fc2.weight and 1 more");
    ASSERT_EQ(plot.curves[0].levels.size(), 5u);
    EXPECT_DOUBLE_EQ(plot.curves[0].levels[1], 0.8 * (1 - 27.0 / 64));
    EXPECT_EQ(plot.curves[0].levels.back(), 0.8);
    EXPECT_EQ(plot.curves[1].levels.back(), 0.5);
    EXPECT_EQ(plot.curves[0].measured, (std::vector<double>{0, 0.25}));
    EXPECT_EQ(plot.curves[1].measured, (std::vector<double>{0.4, 0.4})) << "96 of 160 weights kept";
}

TEST_F(ScheduleViewTest, ThePointerIsOverAStep) {
    plan();
    frame(), frame();
    EXPECT_FALSE(view.hovered_step());
    const ImVec4 area = view.plot_area();
    const int without_tip = ImGui::GetDrawData()->TotalVtxCount;
    for (const int step : {1, 4, 5}) {
        harness.move(view.x_of(step) + 3, (area.y + area.w) / 2);
        frame(), frame(), frame();
        ASSERT_TRUE(view.hovered_step());
        EXPECT_EQ(*view.hovered_step(), step);
        EXPECT_GT(ImGui::GetDrawData()->TotalVtxCount, without_tip + 4 * 20) << "a tip with numbers";
    }
    harness.move(area.x - 20, area.y);
    frame(), frame();
    EXPECT_FALSE(view.hovered_step());
}

TEST_F(ScheduleViewTest, AnySizeAndAnyNumberOfStepsCanBeDrawn) {
    plan();
    for (const int steps : {1, 2, 10'000}) {
        snapshot->schedule->steps = steps;
        snapshot->steps = 1;
        snapshot->history.resize(1);
        for (const auto& [width, height] : {std::pair{20.0f, 10.0f}, {120.0f, 90.0f}, {2000.0f, 900.0f}}) {
            harness.resize(width, height);
            frame(), frame();
        }
        EXPECT_LT(view.x_of(1), view.plot_area().z);
    }
}

TEST_F(ScheduleViewTest, GroupsBeyondTheColoursAreCounted) {
    using namespace lacuna::testing_support;
    std::vector<TestTensor> many;
    for (int i = 0; i < 20; ++i) many.push_back(random_weights("w" + std::to_string(i), {4, 4}, uint32_t(i)));
    snapshot = snapshot_of(write_safetensors(folder / "many.safetensors", many));
    for (size_t i = 0; i < 20; ++i)
        snapshot = with_state(*snapshot, i, [&](TensorState& state) {
            state.sparsifier = &sparsifier("weight_norm");
            state.options.set("sparsity_level", double(i) / 20);
        });
    snapshot->schedule = ScheduleState{{&schedule("cubic")}, 5};
    EXPECT_EQ(schedule_plot(*snapshot).curves.size(), 12u);
    EXPECT_EQ(schedule_plot(*snapshot).left_out, 8u);
    frame();
}

}  // namespace
}  // namespace lacuna::ui
