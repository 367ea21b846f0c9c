// The explorer's window from the start of its process to its first painted frame.
//   first_frame_bench [STARTED]     STARTED: CLOCK_MONOTONIC's nanoseconds when the process was started, else main's
// Prints milliseconds and leaves. The window is the program's own, saved layout and all.
#include <QApplication>
#include <QTimer>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "ui/shell/icons.h"
#include "ui/shell/main_window.h"

namespace {

int64_t now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// Leaves once the window has drawn itself and handed the picture over.
class FirstFrame : public QObject {
  public:
    explicit FirstFrame(int64_t started) : started_(started) {}

    bool eventFilter(QObject*, QEvent* event) override {
        if (event->type() == QEvent::Paint && !painted_) {
            painted_ = true;
            QTimer::singleShot(0, this, [this] {
                std::printf("%.1f\n", double(now() - started_) * 1e-6);
                std::fflush(stdout);
                QApplication::quit();
            });
        }
        return false;
    }

  private:
    int64_t started_;
    bool painted_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    const int64_t started = argc > 1 ? std::atoll(argv[1]) : now();
    QApplication application(argc, argv);
    QApplication::setApplicationName(QStringLiteral("lacuna-first-frame"));
    QApplication::setWindowIcon(lacuna::ui::app_icon());
    lacuna::ui::MainWindow window(true);
    FirstFrame first(started);
    window.installEventFilter(&first);
    window.show();
    return QApplication::exec();
}
