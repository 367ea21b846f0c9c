// The explorer's window over 20,000 layers of 64 × 64 weights: for each thing that a person does, how long the window's
// thread worked on it in all and how long it was away from its event loop at most, in milliseconds. "Worked" is its
// processor time, which other work on the machine does not lengthen. small_layers_window_bench [LAYERS]
#include <QApplication>
#include <QLineEdit>
#include <QScrollBar>
#include <QTimer>
#include <QTreeView>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>

#include "tests/bench/small_layers.h"
#include "tests/bench/watch.h"
#include "tests/support/scratch_folder.h"
#include "ui/shell/actions.h"
#include "ui/shell/file_commands.h"
#include "ui/shell/layers_panel.h"
#include "ui/shell/main_window.h"

using namespace lacuna;
using namespace lacuna::ui;

namespace {

double thread_milliseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) * 1e3 + double(now.tv_nsec) * 1e-6;
}

/// An application that notes its longest event.
class Application : public QApplication {
  public:
    using QApplication::QApplication;

    bool notify(QObject* receiver, QEvent* event) override {
        if (depth_++ > 0) {
            const bool done = QApplication::notify(receiver, event);
            --depth_;
            return done;
        }
        const double before = thread_milliseconds();
        const bool done = QApplication::notify(receiver, event);
        longest = std::max(longest, thread_milliseconds() - before);
        --depth_;
        return done;
    }

    double longest = 0;

  private:
    int depth_ = 0;
};

class Bench {
  public:
    Bench(Application& application, int layers) : application_(application), layers_(layers), window_(false) {
        window_.resize(1280, 800);
        window_.show();
        wait();
    }

    void run() {
        const testing_support::ScratchFolder folder;
        const auto model = bench::write_small_layers(folder.path() / "small.safetensors", layers_);
        std::printf("| %d layers | worked | longest event | passed |\n|---|---:|---:|---:|\n", layers_);
        measure("open", [&] { window_.files().open_model(QString::fromStdString(model.string())); });
        measure("expand all", [&] { view().expandAll(); });
        measure("select all", [&] { window_.actions().select_all->trigger(); });
        Session& session = window_.bridge().session();
        measure("choose weight_norm for all",
                [&] { session.set_sparsifier(window_.layers().selected(), "weight_norm"); });
        measure("drag the level, 20 values", [&] {
            for (int i = 0; i < 20; ++i) {
                session.set_option(window_.layers().selected(), "sparsity_level", 0.5 + i * 0.01, i < 19);
                QApplication::processEvents();
            }
        });
        measure("step", [&] { session.step(); });
        measure("filter by a word", [&] { window_.layers().filter()->setText(QStringLiteral("part7")); });
        measure("filter by a glob", [&] { window_.layers().filter()->setText(QStringLiteral("*.part7.*")); });
        measure("no filter", [&] { window_.layers().filter()->clear(); });
        measure("scroll by a page", [&] { view().verticalScrollBar()->triggerAction(QScrollBar::SliderPageStepAdd); });
        measure("go to the next row", [&] { view().setCurrentIndex(view().indexBelow(view().currentIndex())); });
    }

  private:
    QTreeView& view() { return *window_.layers().view(); }

    void measure(const char* name, const std::function<void()>& work) {
        application_.longest = 0;
        const bench::Watch watch;
        const double before = thread_milliseconds();
        QTimer::singleShot(0, &application_, work);  // an event like those that a person makes
        QApplication::processEvents();
        wait();
        std::printf("| %s | %.1f | %.1f | %.1f |\n", name, thread_milliseconds() - before, application_.longest,
                    watch.passed());
        std::fflush(stdout);
    }

    void wait() {
        bool idle = false;
        window_.bridge().when_idle([&] { idle = true; });
        while (!idle) QApplication::processEvents(QEventLoop::WaitForMoreEvents);
        QApplication::processEvents();
    }

    Application& application_;
    int layers_;
    MainWindow window_;
};

}  // namespace

int main(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    Application application(argc, argv);
    QApplication::setApplicationName(QStringLiteral("lacuna-small-layers"));
    Bench(application, argc > 1 ? std::atoi(argv[1]) : bench::small_layers).run();
}
