// How long the canvases take: building a frame, and drawing it. With a folder as argument, it also saves the pictures.
#include <QApplication>
#include <QElapsedTimer>
#include <QMouseEvent>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <vector>

#include "tests/ui/canvas/sample.h"
#include "ui/canvas/context.h"
#include "ui/canvas/distribution_canvas.h"
#include "ui/canvas/mask_canvas.h"
#include "ui/canvas/rasteriser.h"
#include "ui/canvas/renderer.h"
#include "ui/theme.h"

using namespace lacuna;
using namespace lacuna::ui;

namespace {

constexpr int width = 1280, height = 800, frames = 60;

struct Times {
    std::vector<double> build, draw;
    static double at(std::vector<double> times, double part) {
        std::sort(times.begin(), times.end());
        return times[size_t(double(times.size() - 1) * part)];
    }
};

/// Draws `frames` frames of `view` and times both halves of each.
void measure(const char* name, Renderer& renderer, const std::function<void(int frame, const ViewStyle&)>& view) {
    Context context;
    context.enter();
    renderer.attach();
    const ViewStyle style = view_style(Theme::current());
    context.set_style(style);
    Times times;
    QImage image;
    for (int frame = 0; frame < frames + 20; ++frame) {
        QElapsedTimer timer;
        timer.start();
        context.begin_frame(width, height, 1, 1.0f / 60);
        view(frame, style);
        context.end_frame();
        const double built = double(timer.nsecsElapsed()) * 1e-6;
        renderer.update_textures(*ImGui::GetDrawData());
        timer.restart();
        renderer.draw(*ImGui::GetDrawData(), pixel_of(style.surface), image);
        if (frame < 20) continue;  // fonts and the first tiles
        times.build.push_back(built);
        times.draw.push_back(double(timer.nsecsElapsed()) * 1e-6);
    }
    renderer.detach();
    std::printf("%-44s build %6.2f median %6.2f 95%%   draw %6.2f median %6.2f 95%%  (ms)\n", name,
                Times::at(times.build, 0.5), Times::at(times.build, 0.95), Times::at(times.draw, 0.5),
                Times::at(times.draw, 0.95));
}

void measure_all(Renderer& renderer) {
    std::printf("%s, %d x %d\n", renderer.name().c_str(), width, height);
    const Sample large = trained_sample({16384, 16384}, 0.5);
    const auto mask = [&](const char* name, double zoom, bool pan) {
        MaskView view;
        measure(name, renderer, [&](int frame, const ViewStyle& style) {
            view.draw(large.detail, {1, 4}, style, width, height);
            if (frame == 1) view.camera().zoom_at(zoom, 600, 350);
            if (pan) view.camera().pan(-24, -16);
        });
    };
    mask("mask 16384 x 16384, whole", 1, false);
    mask("mask 16384 x 16384, 4x, panning", 4, true);
    mask("mask 16384 x 16384, 1:1, panning", 1 / 0.0413, true);
    mask("mask 16384 x 16384, 20 pixels, panning", 20 / 0.0413, true);
    mask("mask 16384 x 16384, values, panning", 3000, true);
    MaskView dragged;
    std::vector<TensorDetailPtr> masks;
    for (int i = 0; i < 4; ++i) {
        auto detail = std::make_shared<TensorDetail>(*large.detail);
        detail->mask = std::make_shared<const Mask>(*large.detail->mask);
        masks.push_back(detail);
    }
    measure("mask 16384 x 16384, whole, a new mask each", renderer, [&](int frame, const ViewStyle& style) {
        dragged.draw(masks[size_t(frame) % masks.size()], {}, style, width, height);
    });
    DistributionView distribution;
    measure("distribution, 128 bins", renderer,
            [&](int, const ViewStyle& style) { distribution.draw(large.detail, style, width, height); });
}

void hover(QWidget& widget, QPointF at) {
    QMouseEvent event(QEvent::MouseMove, at, widget.mapToGlobal(at), Qt::NoButton, Qt::NoButton, Qt::NoModifier);
    QApplication::sendEvent(&widget, &event);
}

void save_pictures(const QString& folder) {
    const Sample linear = trained_sample({512, 768}, 0.5), conv = trained_sample({64, 64, 3, 3}, 0.7),
                 thin = trained_sample({10, 4096}, 0.4), small = trained_sample({24, 32}, 0.3);
    for (const bool dark : {false, true}) {
        Theme::set_dark(dark);
        apply_theme();
        const QString theme = dark ? "dark" : "light";
        const auto mask = [&](const QString& name, const Sample& sample, QSize size, double scale, double zoom,
                              MaskMode mode, bool hovering) {
            MaskCanvas canvas;
            canvas.setDetail(sample.detail, {1, 4});
            canvas.view().set_mode(mode);
            canvas.render(size, scale);
            canvas.view().camera().zoom_at(zoom, size.width() * 0.4, size.height() * 0.4);
            if (hovering) hover(canvas, {size.width() * 0.4, size.height() * 0.5});
            canvas.render(size, scale).save(folder + "/mask-" + name + "-" + theme + ".png");
        };
        mask("linear", linear, {1280, 800}, 1, 1, MaskMode::weights, false);
        mask("linear-2x", linear, {640, 400}, 2, 1, MaskMode::weights, true);
        mask("linear-zoom", linear, {1280, 800}, 1, 8, MaskMode::weights, true);
        mask("linear-values", linear, {1280, 800}, 1, 50, MaskMode::weights, true);
        mask("mask-mode", linear, {1280, 800}, 1, 1, MaskMode::mask, true);
        mask("magnitude", linear, {1280, 800}, 1, 1, MaskMode::magnitude, false);
        mask("conv", conv, {1280, 800}, 1, 1, MaskMode::weights, true);
        mask("thin", thin, {1280, 800}, 1, 1, MaskMode::weights, true);
        mask("small", small, {500, 400}, 1, 1, MaskMode::weights, true);
        mask("dock", conv, {260, 200}, 1, 1, MaskMode::weights, true);
        MaskCanvas empty;
        empty.render({600, 400}, 1).save(folder + "/mask-empty-" + theme + ".png");
        const auto distribution = [&](const QString& name, TensorDetailPtr detail, QSize size, double scale, bool log) {
            DistributionCanvas canvas;
            canvas.setDetail(std::move(detail));
            canvas.view().set_logarithmic(log);
            canvas.render(size, scale).save(folder + "/distribution-" + name + "-" + theme + ".png");
        };
        auto fixed = std::make_shared<TensorDetail>(*linear.detail);
        fixed->curve = nullptr, fixed->level.reset();
        distribution("linear", linear.detail, {1280, 800}, 1, false);
        distribution("log", linear.detail, {640, 400}, 2, true);
        distribution("dock", linear.detail, {300, 180}, 1, false);
        distribution("fixed", fixed, {500, 260}, 1, false);
        distribution("empty", nullptr, {500, 260}, 1, false);
    }
}

}  // namespace

int main(int count, char** arguments) {
    qputenv("QT_QPA_PLATFORM", qgetenv("QT_QPA_PLATFORM").isEmpty() ? "offscreen" : qgetenv("QT_QPA_PLATFORM"));
    QApplication application(count, arguments);
    if (count > 1) {
        save_pictures(QString::fromLocal8Bit(arguments[1]));
        return 0;
    }
    measure_all(*make_renderer());
}
