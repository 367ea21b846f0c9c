#pragma once

#include <QApplication>
#include <QTimer>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>

#include "tests/bench/watch.h"
#include "ui/shell/main_window.h"

namespace lacuna::bench {

inline double thread_milliseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) * 1e3 + double(now.tv_nsec) * 1e-6;
}

/// An application that notes its longest event.
class WatchedApplication : public QApplication {
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

/// The explorer's window, and for each thing that is done in it how long the window's thread worked on it in all and in
/// its longest event, in milliseconds. "Worked" is its processor time, which other work on the machine does not
/// lengthen.
class WatchedWindow {
  public:
    explicit WatchedWindow(WatchedApplication& application) : application_(application), window_(false) {
        window_.resize(1280, 800);
        window_.show();
        wait();
    }

    ui::MainWindow& window() { return window_; }

    static void print_heading(const std::string& what) {
        std::printf("| %s | worked | longest event | passed |\n|---|---:|---:|---:|\n", what.c_str());
    }

    /// Prints a row for `work` and what follows from it until the session is idle.
    void measure(const char* name, const std::function<void()>& work) {
        application_.longest = 0;
        const Watch watch;
        const double before = thread_milliseconds();
        QTimer::singleShot(0, &application_, work);  // an event like those that a person makes
        QApplication::processEvents();
        wait();
        std::printf("| %s | %.1f | %.1f | %.1f |\n", name, thread_milliseconds() - before, application_.longest,
                    watch.passed());
        std::fflush(stdout);
    }

  private:
    void wait() {
        bool idle = false;
        window_.bridge().when_idle([&] { idle = true; });
        while (!idle) QApplication::processEvents(QEventLoop::WaitForMoreEvents);
        QApplication::processEvents();
    }

    WatchedApplication& application_;
    ui::MainWindow window_;
};

}  // namespace lacuna::bench
