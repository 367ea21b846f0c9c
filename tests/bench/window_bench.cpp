// A window with a mask canvas and a table beside it, once with our canvas and once with a QOpenGLWidget that draws the
// same view through ImGui's own OpenGL backend: how long a frame takes while zooming, and a step of the table.
// Needs a display; without a GPU the second is drawn in software, as a default canvas would be.
#include <backends/imgui_impl_opengl3.h>
#include <imgui.h>

#include <QAbstractTableModel>
#include <QApplication>
#include <QDockWidget>
#include <QElapsedTimer>
#include <QMainWindow>
#include <QOpenGLWidget>
#include <QScrollBar>
#include <QTableView>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <vector>

#include "tests/ui/canvas/sample.h"
#include "ui/canvas/context.h"
#include "ui/canvas/mask_canvas.h"
#include "ui/theme.h"

using namespace lacuna;
using namespace lacuna::ui;

namespace {

constexpr int width = 1280, height = 800, steps = 40;

/// What a canvas is without further thought: Qt composes the window through OpenGL, ImGui fills its own background.
class GlCanvas : public QOpenGLWidget {
  public:
    explicit GlCanvas(TensorDetailPtr detail) : detail_(std::move(detail)) {}
    ~GlCanvas() override {
        makeCurrent();
        context_.enter();
        ImGui_ImplOpenGL3_Shutdown();
    }
    MaskView& view() { return view_; }

  protected:
    void initializeGL() override {
        context_.enter();
        ImGui_ImplOpenGL3_Init("#version 330");
        context_.set_style(style_);
    }
    void paintGL() override {
        context_.begin_frame(float(QWidget::width()), float(QWidget::height()), 1, 1.0f / 60);
        ImGui::GetBackgroundDrawList()->AddRectFilled({0, 0}, ImGui::GetIO().DisplaySize, style_.surface);
        view_.draw(detail_, {1, 4}, style_, float(QWidget::width()), float(QWidget::height()));
        context_.end_frame();
        ImGui_ImplOpenGL3_NewFrame();
        ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
    }

  private:
    TensorDetailPtr detail_;
    Context context_;
    ViewStyle style_ = view_style(Theme::current());
    MaskView view_;
};

class ManyRows : public QAbstractTableModel {
  public:
    int rowCount(const QModelIndex&) const override { return 200000; }
    int columnCount(const QModelIndex&) const override { return 4; }
    QVariant data(const QModelIndex& index, int role) const override {
        if (role != Qt::DisplayRole) return {};
        return QStringLiteral("%1.%2").arg(index.row()).arg(index.column());
    }
};

struct Quantiles {
    double least, median, most;  ///< most: 95 %
};

/// Times `step`, each until the display server has what it drew.
Quantiles measure(const std::function<void(int)>& step) {
    std::vector<double> times;
    for (int i = -10; i < steps; ++i) {
        QElapsedTimer timer;
        timer.start();
        step(i);
        qApp->sync();
        if (i >= 0) times.push_back(double(timer.nsecsElapsed()) * 1e-6);
        QApplication::processEvents();
    }
    std::sort(times.begin(), times.end());
    return {times.front(), times[times.size() / 2], times[times.size() * 95 / 100]};
}

struct Found {
    Quantiles frame, scroll;
};

Found measure_window(QWidget* canvas, MaskView& view) {
    ManyRows rows;
    QMainWindow window;  // which deletes what is in it
    window.setCentralWidget(canvas);
    auto* table = new QTableView;
    table->setModel(&rows);
    auto* dock = new QDockWidget;
    dock->setWidget(table);
    window.addDockWidget(Qt::LeftDockWidgetArea, dock);
    window.show();
    window.resize(width + dock->sizeHint().width(), height);
    for (int i = 0; i < 20; ++i) QApplication::processEvents();
    canvas->setMinimumSize(width, height - 40);
    for (int i = 0; i < 20; ++i) QApplication::processEvents();
    Found found{};
    found.frame = measure([&](int i) {
        view.camera().zoom_at(i / 10 % 2 ? 1 / 1.3 : 1.3, 600, 350);
        if (auto* ours = qobject_cast<Canvas*>(canvas)) ours->request();
        canvas->repaint();
    });
    found.scroll = measure([&](int i) {
        table->verticalScrollBar()->setValue(1000 + 3 * i);
        table->viewport()->repaint();
    });
    return found;
}

void print(const char* name, const Found& found) {
    std::printf("| %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |\n", name, found.frame.least, found.frame.median,
                found.frame.most, found.scroll.least, found.scroll.median, found.scroll.most);
}

}  // namespace

int main(int count, char** arguments) {
    QApplication application(count, arguments);
    const Sample sample = trained_sample({16384, 16384}, 0.5);
    auto* ours = new MaskCanvas;  // the window's, which deletes it
    ours->setDetail(sample.detail, {1, 4});
    const std::string name = "ours, drawn by " + ours->renderer_name();
    const Found our_times = measure_window(ours, ours->view());
    auto* gl = new GlCanvas(sample.detail);
    const Found gl_times = measure_window(gl, gl->view());
    std::printf(
        "A mask canvas of 16384 × 16384 at %d × %d, ms, with a table of 200,000 rows beside it.\n\n"
        "| canvas | zooming: least | median | 95%% | table's step: least | median | 95%% |\n"
        "|---|---|---|---|---|---|---|\n",
        width, height - 40);
    print(name.c_str(), our_times);
    print("QOpenGLWidget", gl_times);
    std::printf("\nOurs takes %.2f of QOpenGLWidget's time (medians).\n",
                our_times.frame.median / gl_times.frame.median);
}
