#include <gtest/gtest.h>

#include <QSignalSpy>
#include <QtTest>

#include "tests/ui/application.h"
#include "tests/ui/canvas/sample.h"
#include "ui/canvas/distribution_canvas.h"
#include "ui/canvas/mask_canvas.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

int count_pixels(const QImage& image, QColor colour) {
    int count = 0;
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x) count += image.pixelColor(x, y) == colour;
    return count;
}

class CanvasTest : public testing::Test {
  protected:
    CanvasTest() {
        test_application();
        Theme::set_dark(false);
        apply_theme();
    }
    /// Shows a canvas and lets it come to rest.
    static void show(Canvas& canvas, QSize size) {
        canvas.resize(size);
        canvas.show();
        settle(canvas);
    }
    /// Lets events arrive and become pixels, however long that takes.
    static void settle(Canvas& canvas) {
        QApplication::processEvents();
        EXPECT_TRUE(QTest::qWaitFor([&] { return canvas.at_rest(); }, 20'000));
        QApplication::processEvents();  // what was drawn may have said something
    }
    /// The place of a weight on the canvas.
    static QPoint place(MaskCanvas& canvas, int64_t row, int64_t column) {
        const ImVec4 room = canvas.view().room();
        MaskCamera& camera = canvas.view().camera();
        return {int(room.x + float(camera.x_of(double(column) + 0.5))),
                int(room.y + float(camera.y_of(double(row) + 0.5)))};
    }
    const Theme& light = Theme::of(false);
    const Theme& dark = Theme::of(true);
};

/// A mask in which the left half is pruned, of a matrix whose cells are many pixels large.
Sample half_pruned() {
    Sample sample = trained_sample({8, 8}, 0.5);
    auto detail = std::make_shared<TensorDetail>(*sample.detail);
    Mask mask = Mask::ones({8, 8});
    for (int64_t row = 0; row < 8; ++row) mask.set_range(row * 8, row * 8 + 4, false);
    detail->kept = mask.kept();
    detail->mask = std::make_shared<const Mask>(std::move(mask));
    detail->density = std::make_shared<const Pyramid>(density_pyramid(*detail->mask));
    sample.detail = detail;
    return sample;
}

TEST_F(CanvasTest, UsesTheCpuRendererWithoutADisplay) {
    MaskCanvas canvas;
    EXPECT_EQ(canvas.renderer_name(), "cpu");
}

TEST_F(CanvasTest, PaintsPrunedWeightsAsGapsAndKeptOnesInColour) {
    const Sample sample = half_pruned();
    MaskCanvas canvas;
    canvas.view().set_mode(MaskMode::mask);
    canvas.setDetail(sample.detail);
    const QImage picture = canvas.render({700, 600}, 1);
    ASSERT_EQ(picture.size(), QSize(700, 600));
    for (const int64_t row : {0, 3, 7}) {
        const QPoint nudge(0, 9);  // beside the printed value
        EXPECT_EQ(picture.pixelColor(place(canvas, row, 0) + nudge), light.gap);
        EXPECT_EQ(picture.pixelColor(place(canvas, row, 3) + nudge), light.gap);
        EXPECT_EQ(picture.pixelColor(place(canvas, row, 4) + nudge), light.kept);
        EXPECT_EQ(picture.pixelColor(place(canvas, row, 7) + nudge), light.kept);
    }
}

TEST_F(CanvasTest, DrawsTheSamePictureEveryTime) {
    const Sample sample = trained_sample({300, 400}, 0.5);
    const auto picture = [&] {
        MaskCanvas canvas;
        canvas.setDetail(sample.detail);
        return canvas.render({640, 480}, 1);
    };
    EXPECT_EQ(picture(), picture());
}

TEST_F(CanvasTest, AtScaleTwoThePictureHasTwiceThePixels) {
    const Sample sample = half_pruned();
    MaskCanvas canvas;
    canvas.view().set_mode(MaskMode::mask);
    canvas.setDetail(sample.detail);
    const int once = count_pixels(canvas.render({400, 300}, 1), light.kept);
    const QImage twice = canvas.render({400, 300}, 2);
    EXPECT_EQ(twice.size(), QSize(800, 600));
    EXPECT_EQ(twice.devicePixelRatio(), 2);
    EXPECT_NEAR(double(count_pixels(twice, light.kept)) / once, 4, 0.35);
    EXPECT_EQ(canvas.render({333, 217}, 1.5).size(), QSize(500, 326)) << "rounded, like Qt's own pixmaps";
}

TEST_F(CanvasTest, EmptyCanvasesShowASentence) {
    MaskCanvas mask;
    DistributionCanvas distribution;
    for (Canvas* canvas : {static_cast<Canvas*>(&mask), static_cast<Canvas*>(&distribution)}) {
        const QImage picture = canvas->render({400, 300}, 1);
        EXPECT_EQ(picture.pixelColor(2, 2), light.surface);
        EXPECT_LT(count_pixels(picture, light.surface), 400 * 300 - 500) << "something is written";
        EXPECT_FALSE(canvas->accessibleName().isEmpty());
    }
}

TEST_F(CanvasTest, FollowsTheTheme) {
    MaskCanvas canvas;
    show(canvas, {300, 200});
    EXPECT_EQ(canvas.grab().toImage().pixelColor(20, 20), light.surface);
    Theme::set_dark(true);
    apply_theme();
    settle(canvas);
    EXPECT_EQ(canvas.grab().toImage().pixelColor(20, 20), dark.surface);
}

TEST_F(CanvasTest, HoveringEmitsWordsOnceAndLeavingEmitsNone) {
    const Sample sample = half_pruned();
    MaskCanvas canvas;
    canvas.setDetail(sample.detail);
    show(canvas, {700, 600});
    QSignalSpy hovered(&canvas, &MaskCanvas::hovered);
    QTest::mouseMove(&canvas, place(canvas, 2, 1));
    settle(canvas);
    ASSERT_EQ(hovered.count(), 1);
    EXPECT_TRUE(hovered[0][0].toString().startsWith("row 2, column 1: ")) << hovered[0][0].toString().toStdString();
    EXPECT_TRUE(hovered[0][0].toString().endsWith(", pruned"));
    QTest::mouseMove(&canvas, place(canvas, 2, 6));
    settle(canvas);
    ASSERT_EQ(hovered.count(), 2);
    EXPECT_TRUE(hovered[1][0].toString().endsWith(", kept"));
    QEvent leave(QEvent::Leave);
    QApplication::sendEvent(&canvas, &leave);
    settle(canvas);
    ASSERT_EQ(hovered.count(), 3);
    EXPECT_TRUE(hovered[2][0].toString().isEmpty());
}

TEST_F(CanvasTest, WheelZoomsTheMask) {
    const Sample sample = trained_sample({500, 500}, 0.5);
    MaskCanvas canvas;
    canvas.setDetail(sample.detail);
    show(canvas, {600, 500});
    const double scale = canvas.view().camera().scale_x();
    const QPointF at = place(canvas, 250, 250);
    for (int notch = 0; notch < 4; ++notch) {
        QWheelEvent wheel(at, canvas.mapToGlobal(at), {}, {0, 120}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase,
                          false);
        QApplication::sendEvent(&canvas, &wheel);
    }
    settle(canvas);
    EXPECT_NEAR(canvas.view().camera().scale_x() / scale, std::pow(1.25, 4), 1e-6);
}

TEST_F(CanvasTest, KeysReachTheView) {
    const Sample sample = trained_sample({500, 500}, 0.5);
    MaskCanvas canvas;
    canvas.setDetail(sample.detail);
    show(canvas, {600, 500});
    canvas.setFocus();
    QTest::keyClick(&canvas, Qt::Key_Plus, Qt::ShiftModifier);
    settle(canvas);
    EXPECT_FALSE(canvas.view().camera().fitted());
    QTest::keyClick(&canvas, Qt::Key_0);
    settle(canvas);
    EXPECT_TRUE(canvas.view().camera().fitted());
}

TEST_F(CanvasTest, AFastDragEndsWhereTheMouseWasReleased) {
    const Sample sample = trained_sample({64, 128}, 0.5);
    DistributionCanvas canvas;
    canvas.setDetail(sample.detail);
    show(canvas, {700, 400});
    QSignalSpy dragged(&canvas, &DistributionCanvas::levelDragged);
    const ImVec4 area = canvas.view().plot_area();
    const int y = int(area.y + area.w) / 2;
    const int from = int(canvas.view().x_of(sample.detail->curve->threshold_at(0.5)) + 0.5f);
    QTest::mouseMove(&canvas, {from, y});
    settle(canvas);
    // Press, move and release with no frame painted in between.
    const auto send = [&](QEvent::Type type, int x, Qt::MouseButton button, Qt::MouseButtons buttons) {
        QMouseEvent event(type, QPointF(x, y), canvas.mapToGlobal(QPointF(x, y)), button, buttons, Qt::NoModifier);
        QApplication::sendEvent(&canvas, &event);
    };
    send(QEvent::MouseButtonPress, from, Qt::LeftButton, Qt::LeftButton);
    send(QEvent::MouseMove, from + 30, Qt::NoButton, Qt::LeftButton);
    send(QEvent::MouseMove, from + 90, Qt::NoButton, Qt::LeftButton);
    send(QEvent::MouseButtonRelease, from + 90, Qt::LeftButton, Qt::NoButton);
    settle(canvas);
    ASSERT_GE(dragged.count(), 2);
    const QList<QVariant> last = dragged.last();
    EXPECT_FALSE(last[1].toBool()) << "the last word is not a drag";
    EXPECT_TRUE(dragged.first()[1].toBool());
    const double weight = sample.detail->bins->low + double((float(from + 90) - area.x) / (area.z - area.x)) *
                                                         (sample.detail->bins->high - sample.detail->bins->low);
    EXPECT_NEAR(last[0].toDouble(), sample.detail->curve->level_at(weight), 0.01);
    int ends = 0;
    for (const auto& emission : dragged) ends += !emission[1].toBool();
    EXPECT_EQ(ends, 1);
}

TEST_F(CanvasTest, TheHistogramTellsKeptFromPruned) {
    const Sample sample = trained_sample({64, 128}, 0.5);
    DistributionCanvas canvas;
    canvas.setDetail(sample.detail);
    const QImage picture = canvas.render({700, 400}, 1);
    const ImVec4 area = canvas.view().plot_area();
    const double threshold = sample.detail->curve->threshold_at(0.5);
    const int low = int(area.w) - 3;
    EXPECT_EQ(picture.pixelColor(int(canvas.view().x_of(0)), low), light.pruned);
    EXPECT_EQ(picture.pixelColor(int(canvas.view().x_of(1.5 * threshold)), low), light.kept);
    EXPECT_EQ(picture.pixelColor(int(canvas.view().x_of(-1.5 * threshold)), low), light.kept);
    const int line = int(canvas.view().x_of(threshold) + 0.5f);
    int found = 0;
    for (int x = line - 2; x <= line + 2; ++x) found += picture.pixelColor(x, int(area.y) + 40) == light.threshold;
    EXPECT_GE(found, 1) << "the line stands at the threshold";
}

TEST_F(CanvasTest, RestsWhenNothingHappens) {
    const Sample sample = trained_sample({100, 100}, 0.5);
    class Counting : public MaskCanvas {
      public:
        int frames = 0;

      protected:
        bool draw(const ViewStyle& style, float width, float height) override {
            ++frames;
            return MaskCanvas::draw(style, width, height);
        }
    } canvas;
    canvas.setDetail(sample.detail);
    show(canvas, {400, 300});
    const int before = canvas.frames;
    QTest::qWait(300);
    EXPECT_EQ(canvas.frames, before);
    canvas.request();
    EXPECT_FALSE(canvas.at_rest());
    settle(canvas);
    EXPECT_GT(canvas.frames, before);
}

TEST_F(CanvasTest, SeveralCanvasesLiveSideBySide) {
    const Sample one = half_pruned(), other = trained_sample({40, 40}, 0.2);
    auto first = std::make_unique<MaskCanvas>();
    MaskCanvas second;
    DistributionCanvas third;
    first->setDetail(one.detail), second.setDetail(other.detail), third.setDetail(other.detail);
    const QImage before = second.render({300, 300}, 1);
    first->render({300, 300}, 1);
    third.render({300, 300}, 1);
    first.reset();
    EXPECT_EQ(second.render({300, 300}, 1), before);
}

}  // namespace
}  // namespace lacuna::ui
