#pragma once

#include <gmock/gmock.h>

#include <QApplication>
#include <QEventLoop>
#include <QSettings>
#include <QTimer>

#include "tests/ui/application.h"
#include "tests/ui/shell/sample_model.h"
#include "ui/shell/file_commands.h"
#include "ui/shell/layers_panel.h"
#include "ui/shell/main_window.h"

namespace lacuna::ui {

/// A whole window over a real session, with the sample model in a folder of its own.
class WindowTest : public testing::Test {
  protected:
    WindowTest() : sample(write_sample(folder / "sample.safetensors")) {
        test_application();
        QApplication::setOrganizationName("LacunaTest");
        QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, text(folder.path()));
        window = std::make_unique<MainWindow>(false);
        window->choose_theme(ThemeChoice::light);
        window->resize(1280, 800);
        window->show();
    }

    static QString text(const std::filesystem::path& path) { return QString::fromStdString(path.string()); }

    /// Until the session has nothing to do and the window shows it.
    void wait() {
        QApplication::processEvents();
        QEventLoop loop;
        bool idle = false;
        window->bridge().when_idle([&] {
            idle = true;
            loop.quit();
        });
        QTimer::singleShot(20'000, &loop, &QEventLoop::quit);
        loop.exec();
        ASSERT_TRUE(idle) << "the session did not come to rest";
        QApplication::processEvents();
    }
    void open_sample() {
        window->files().open_model(text(sample));
        wait();
        ASSERT_TRUE(window->snapshot()->model);
    }
    const Snapshot& shown() const { return *window->snapshot(); }
    const TensorState& state(size_t tensor) const { return *shown().tensors[tensor]; }

    testing_support::ScratchFolder folder;
    std::filesystem::path sample;
    std::unique_ptr<MainWindow> window;
};

}  // namespace lacuna::ui
