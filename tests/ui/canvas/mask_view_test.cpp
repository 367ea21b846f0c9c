#include "ui/canvas/mask_view.h"

#include <gmock/gmock.h>

#include "tests/ui/canvas/harness.h"
#include "tests/ui/canvas/sample.h"

namespace lacuna::ui {
namespace {

class MaskViewTest : public testing::Test {
  protected:
    MaskViewAction frame(const TensorDetailPtr& detail) {
        return harness.frame([&] {
            return view.draw(detail, {1, 4}, harness.style, harness.width(), harness.height());
        });
    }
    /// Frames until all tiles are there; how many it took.
    int settle(const TensorDetailPtr& detail) {
        for (int frames = 1; frames < 500; ++frames)
            if (!frame(detail).incomplete) return frames;
        return 500;
    }
    ImVec2 middle() const {
        const ImVec4 room = view.room();
        return {(room.x + room.z) / 2, (room.y + room.w) / 2};
    }
    void tap(ImGuiKey key, const TensorDetailPtr& detail) {
        harness.key(key, true);
        frame(detail);
        harness.key(key, false);
        frame(detail);
    }

    Harness harness{900, 700};
    MaskView view;
    const Sample sample = trained_sample({600, 900}, 0.5);
};

TEST_F(MaskViewTest, SaysWhatToDoWhenNothingIsSelected) {
    const MaskViewAction action = frame(nullptr);
    EXPECT_FALSE(action.hover);
    EXPECT_FALSE(action.incomplete);
    EXPECT_GT(ImGui::GetDrawData()->TotalVtxCount, 4 * 30) << "a sentence is written";
    EXPECT_EQ(view.tiles().tiles(), 0u);
}

TEST_F(MaskViewTest, HasWordsForATensorWithoutWeightsAndForOneThatIsNotFloating) {
    const Sample none = sample_of({0, 5}, 0.5, [](int64_t) { return 0.0f; });
    EXPECT_FALSE(frame(none.detail).incomplete);
    EXPECT_EQ(view.tiles().tiles(), 0u);
    const std::vector<int64_t> numbers(6, 1);
    auto integers = std::make_shared<TensorDetail>();
    integers->weight = contiguous_view(numbers.data(), DType::I64, {2, 3});
    integers->mask = std::make_shared<const Mask>(Mask::ones({2, 3}));
    EXPECT_FALSE(frame(integers).incomplete);
    EXPECT_EQ(view.tiles().tiles(), 0u);
}

TEST_F(MaskViewTest, TellsTheWeightUnderThePointer) {
    settle(sample.detail);
    view.camera().zoom_at(5, 0, 0);
    const ImVec4 room = view.room();
    for (const auto& [row, column] : {std::pair<int64_t, int64_t>{0, 0}, {599, 899}, {123, 456}, {300, 17}}) {
        view.camera().centre_on(double(column), double(row));
        const auto x = float(view.camera().x_of(double(column) + 0.5)),
                   y = float(view.camera().y_of(double(row) + 0.5));
        harness.move(room.x + x, room.y + y);
        const MaskViewAction action = frame(sample.detail);
        ASSERT_TRUE(action.hover) << row << ", " << column;
        EXPECT_EQ(action.hover->cell, (Cell{row, column}));
        const auto index = size_t(row * 900 + column);
        EXPECT_EQ(action.hover->value, double((*sample.weights)[index]));
        EXPECT_EQ(action.hover->kept, (*sample.detail->mask)[int64_t(index)]);
    }
    harness.move(2, 2);
    EXPECT_FALSE(frame(sample.detail).hover);
}

TEST_F(MaskViewTest, NamesTheInputAndTheKernelOfAConvolution) {
    const Sample conv = trained_sample({8, 4, 3, 5}, 0.5);
    const auto hover = describe_weight(*conv.detail, {2, 2 * 15 + 1 * 5 + 4});
    EXPECT_NE(hover.text.find("row 2, column 39 (input 2, kernel 1, 4): "), std::string::npos) << hover.text;
    EXPECT_EQ(hover.value, double((*conv.weights)[2 * 60 + 39]));
}

TEST_F(MaskViewTest, SaysOfAWeightThatItIsZeroInTheFile) {
    const Sample zeros = with_own_zeros(sample_of({4, 4}, 0, [](int64_t i) { return i == 5 ? -0.0F : 1.0F; }));
    EXPECT_THAT(describe_weight(*zeros.detail, {1, 1}).text, testing::EndsWith("0, zero in the file"));
    EXPECT_THAT(describe_weight(*zeros.detail, {1, 2}).text, testing::EndsWith("1, kept"));
    EXPECT_FALSE(frame(zeros.detail).hover) << "drawn with a legend for it";
}

TEST_F(MaskViewTest, WheelZoomsAroundThePointer) {
    settle(sample.detail);
    view.camera().zoom_at(6, 300, 200);
    const ImVec4 room = view.room();
    const ImVec2 pointer{room.x + 500, room.y + 300};
    harness.move(pointer.x, pointer.y);
    const auto before = frame(sample.detail);
    ASSERT_TRUE(before.hover);
    const double scale = view.camera().scale_x(), column = view.camera().column_at(500),
                 row = view.camera().row_at(300);
    for (int notch = 0; notch < 3; ++notch) {
        harness.wheel(1);
        frame(sample.detail);
    }
    EXPECT_GT(view.camera().scale_x(), 1.8 * scale);
    EXPECT_NEAR(view.camera().column_at(500), column, 1e-6);
    EXPECT_NEAR(view.camera().row_at(300), row, 1e-6);
    EXPECT_EQ(frame(sample.detail).hover->cell, before.hover->cell);
    for (int notch = 0; notch < 30; ++notch) {
        harness.wheel(-1);
        frame(sample.detail);
    }
    EXPECT_TRUE(view.camera().fitted());
}

TEST_F(MaskViewTest, DragMovesThePicture) {
    settle(sample.detail);
    view.camera().zoom_at(8, 400, 300);
    const ImVec2 from = middle();
    harness.move(from.x, from.y);
    frame(sample.detail);
    const Cell grabbed = frame(sample.detail).hover->cell;
    harness.press();
    frame(sample.detail);
    harness.move(from.x - 120, from.y + 60);
    frame(sample.detail);
    const auto action = frame(sample.detail);
    ASSERT_TRUE(action.hover);
    EXPECT_EQ(action.hover->cell, grabbed) << "the weight stays under the hand";
    harness.release();
    frame(sample.detail);
    harness.move(from.x, from.y);
    frame(sample.detail);
    EXPECT_NE(frame(sample.detail).hover->cell, grabbed);
}

TEST_F(MaskViewTest, FollowsTheKeys) {
    settle(sample.detail);
    const double fitted = view.camera().scale_x();
    tap(ImGuiKey_Equal, sample.detail);
    EXPECT_NEAR(view.camera().scale_x(), 1.5 * fitted, 1e-9);
    tap(ImGuiKey_Equal, sample.detail);
    const double left = view.camera().left();
    tap(ImGuiKey_RightArrow, sample.detail);
    EXPECT_NEAR(view.camera().left(), left + 48 / view.camera().scale_x(), 1e-6);
    tap(ImGuiKey_Minus, sample.detail);
    EXPECT_NEAR(view.camera().scale_x(), 1.5 * fitted, 1e-9);
    tap(ImGuiKey_1, sample.detail);
    EXPECT_NEAR(view.camera().scale_x(), 1, 1e-9);
    tap(ImGuiKey_0, sample.detail);
    EXPECT_TRUE(view.camera().fitted());
    EXPECT_EQ(view.mode(), MaskMode::weights);
    tap(ImGuiKey_M, sample.detail);
    EXPECT_EQ(view.mode(), MaskMode::mask);
}

TEST_F(MaskViewTest, ButtonsChooseTheMode) {
    settle(sample.detail);
    // The second of the three buttons; the first is about 60 pixels wide.
    harness.move(95, 18);
    frame(sample.detail);
    harness.press();
    frame(sample.detail);
    harness.release();
    frame(sample.detail);
    EXPECT_EQ(view.mode(), MaskMode::mask);
}

TEST_F(MaskViewTest, MinimapAppearsWhenZoomedAndMovesThePicture) {
    settle(sample.detail);
    view.camera().zoom_at(20, 0, 0);
    frame(sample.detail);
    const ImVec4 room = view.room();
    // Its lower right corner lies ten pixels inside the room's; press near it: the matrix' end.
    harness.move(room.z - 14, room.w - 14);
    EXPECT_FALSE(frame(sample.detail).hover) << "the minimap is no weight";
    harness.press();
    frame(sample.detail);
    frame(sample.detail);
    EXPECT_NEAR(view.camera().column_at(double(room.z - room.x)), 900, 30);
    EXPECT_NEAR(view.camera().row_at(double(room.w - room.y)), 600, 30);
    harness.release();
    frame(sample.detail);
}

TEST_F(MaskViewTest, ShowsAllShapesAtAllScales) {
    for (const Shape& shape : {Shape{1, 1}, Shape{1, 5000}, Shape{5000, 1}, Shape{10, 4096}, Shape{7}, Shape{},
                               Shape{3, 5, 2, 2}, Shape{257, 511}}) {
        const Sample odd = trained_sample(shape, 0.4);
        EXPECT_LT(settle(odd.detail), 300) << to_string(shape);
        EXPECT_TRUE(view.camera().fitted()) << "another tensor begins whole";
        for (int notch = 0; notch < 40; ++notch) {
            harness.move(middle().x, middle().y);
            harness.wheel(1);
            frame(odd.detail);
            EXPECT_LE(view.tiles().tiles(), view.tiles().most_tiles());
        }
        EXPECT_TRUE(view.camera().closest());
        EXPECT_TRUE(frame(odd.detail).hover) << to_string(shape);
    }
}

TEST_F(MaskViewTest, StaysUsableInATinyRoom) {
    for (const auto& [width, height] : {std::pair{120.0f, 90.0f}, {20.0f, 20.0f}, {1.0f, 1.0f}, {3000.0f, 40.0f}}) {
        harness.resize(width, height);
        frame(sample.detail);
        EXPECT_LT(settle(sample.detail), 300) << width << " x " << height;
    }
}

TEST_F(MaskViewTest, LargeMatricesNeedFewTilesAndFrames) {
    const Sample large = sample_of({4096, 4096}, 0.5, [](int64_t i) { return float(i % 97) * 0.01f; });
    EXPECT_LE(settle(large.detail), 20);
    EXPECT_LE(view.tiles().tiles(), 12u);
}

}  // namespace
}  // namespace lacuna::ui
