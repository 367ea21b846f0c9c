// The GL renderer against the CPU's; only where a display is (ctest runs these again under xvfb-run).
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/ui/application.h"
#include "tests/ui/canvas/sample.h"
#include "ui/canvas/distribution_canvas.h"
#include "ui/canvas/mask_canvas.h"
#include "ui/canvas/renderer.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

class GlRenderer : public testing::Test {
  protected:
    void SetUp() override {
        test_application();
        if (QGuiApplication::platformName() != "xcb") GTEST_SKIP() << "no display";
        if (!make_gl_renderer(true)) GTEST_SKIP() << "no OpenGL 3.3";
    }
    void TearDown() override { qunsetenv("LACUNA_RENDERER"); }

    /// The part of the pixels in which one of the colours differs by more than rounding.
    static double unlike(const QImage& a, const QImage& b) {
        int64_t count = 0;
        for (int y = 0; y < a.height(); ++y)
            for (int x = 0; x < a.width(); ++x) {
                const QRgb p = a.pixel(x, y), q = b.pixel(x, y);
                count += std::abs(qRed(p) - qRed(q)) > 8 || std::abs(qGreen(p) - qGreen(q)) > 8 ||
                         std::abs(qBlue(p) - qBlue(q)) > 8;
            }
        return double(count) / (double(a.width()) * a.height());
    }
    template <typename Widget>
    static QImage picture(const char* renderer, const TensorDetailPtr& detail, QSize size, double scale) {
        qputenv("LACUNA_RENDERER", renderer);
        Widget canvas;
        canvas.setDetail(detail);
        EXPECT_EQ(canvas.renderer_name().substr(0, 2), std::string(renderer).substr(0, 2));
        canvas.render({200, 100}, 1);  // another size first: the target has to follow
        return canvas.render(size, scale);
    }
    const Sample sample = trained_sample({300, 500}, 0.5);
};

TEST_F(GlRenderer, DrawsWhatTheCpuDraws) {
    for (const double scale : {1.0, 2.0}) {
        const QImage gl = picture<MaskCanvas>("gl", sample.detail, {640, 480}, scale);
        const QImage cpu = picture<MaskCanvas>("cpu", sample.detail, {640, 480}, scale);
        ASSERT_EQ(gl.size(), cpu.size());
        EXPECT_LT(unlike(gl, cpu), 0.02) << "mask at scale " << scale;
        EXPECT_LT(unlike(picture<DistributionCanvas>("gl", sample.detail, {640, 480}, scale),
                         picture<DistributionCanvas>("cpu", sample.detail, {640, 480}, scale)),
                  0.005)
            << "distribution at scale " << scale;
    }
}

TEST_F(GlRenderer, CanvasesShareTheContextAndOutliveEachOther) {
    qputenv("LACUNA_RENDERER", "gl");
    auto first = std::make_unique<MaskCanvas>();
    MaskCanvas second;
    first->setDetail(sample.detail), second.setDetail(sample.detail);
    const QImage before = second.render({300, 200}, 1);
    EXPECT_EQ(first->render({300, 200}, 1), before);
    first.reset();
    second.view().camera().zoom_at(10, 100, 100);
    EXPECT_NE(second.render({300, 200}, 1), before);
    second.view().camera().fit();
    EXPECT_EQ(second.render({300, 200}, 1), before);
}

TEST_F(GlRenderer, IsNotChosenWhereTheCpuIsQuicker) {
    qputenv("LACUNA_RENDERER", "");
    const auto wanted = make_renderer();
    const auto software = make_gl_renderer(true);
    if (software->name().find("llvmpipe") == std::string::npos) GTEST_SKIP() << "there is a real GPU";
    EXPECT_EQ(wanted->name(), "cpu");
}

}  // namespace
}  // namespace lacuna::ui
