// The explorer's window over a checkpoint of many gigabytes: what each thing that a person does costs (see
// watched_window.h), what memory it took, whether progress only moves forward, and how soon a cancelled export ends.
// large_file_window_bench MODEL FOLDER exports into FOLDER and removes what it wrote.
#include <QTreeView>
#include <fstream>
#include <iostream>

#include "tests/bench/watched_window.h"
#include "ui/canvas/mask_canvas.h"
#include "ui/shell/actions.h"
#include "ui/shell/file_commands.h"
#include "ui/shell/layers_panel.h"

using namespace lacuna;
using namespace lacuna::ui;

namespace {

constexpr int cancel_after_ms = 1500;

/// Lines of /proc/self/status that speak of memory.
void print_memory(const char* when) {
    std::ifstream status("/proc/self/status");
    std::string line;
    std::cout << when << ':';
    while (std::getline(status, line))
        if (line.starts_with("RssAnon") || line.starts_with("VmHWM")) std::cout << ' ' << line;
    std::cout << std::endl;
}

class Bench {
  public:
    Bench(bench::WatchedApplication& application, std::filesystem::path model, std::filesystem::path out)
        : model_(std::move(model)), out_(std::move(out)), watched_(application) {}

    void run() {
        watched_.print_heading(model_.filename().string());
        const auto measure = [&](const char* name, const std::function<void()>& work) { watched_.measure(name, work); };
        measure("open", [&] { window_.files().open_model(QString::fromStdString(model_.string())); });
        measure("go to the next row", [&] { view().setCurrentIndex(view().indexBelow(view().currentIndex())); });
        const auto chosen = window_.layers().selected();
        measure("choose weight_norm", [&] { session_.set_sparsifier(chosen, "weight_norm"); });
        measure("drag the level, 20 values", [&] {
            for (int i = 0; i < 20; ++i) {
                session_.set_option(chosen, "sparsity_level", 0.5 + i * 0.01, i < 19);
                QApplication::processEvents();
            }
        });
        measure("zoom in", [&] { window_.actions().zoom_in->trigger(); });
        measure("step", [&] { session_.step(); });
        print_memory("after the step");
        measure("export, cancelled", [&] {
            session_.export_model(out_ / "cancelled" / "", Format::safetensors_sharded);
            QTimer::singleShot(cancel_after_ms, [this] {
                cancelled_ = bench::Watch();
                session_.cancel_job();
            });
        });
        std::printf("ended %.0f ms after it was cancelled; left behind: %d files\n", cancelled_.passed(),
                    int(std::distance(std::filesystem::directory_iterator(out_), {})));
        QObject::connect(&window_.bridge(), &SessionBridge::snapshot_changed,
                         [this](const SnapshotPtr& snapshot) { see(*snapshot); });
        measure("export", [&] { session_.export_model(out_ / "whole" / "", Format::safetensors_sharded); });
        std::printf("progress: %d reports, %d backwards, most at once %.1f %%, last %.1f %%\n", reports_, backwards_,
                    largest_jump_ * 100, last_ * 100);
        print_memory("after the export");
        std::filesystem::remove_all(out_ / "whole");
    }

  private:
    QTreeView& view() { return *window_.layers().view(); }

    void see(const Snapshot& snapshot) {
        if (!snapshot.job || snapshot.job->progress.total == 0) return;
        const double share = double(snapshot.job->progress.done) / double(snapshot.job->progress.total);
        ++reports_;
        backwards_ += share < last_;
        largest_jump_ = std::max(largest_jump_, share - last_);
        last_ = share;
    }

    std::filesystem::path model_, out_;
    bench::WatchedWindow watched_;
    MainWindow& window_ = watched_.window();
    Session& session_ = window_.bridge().session();
    bench::Watch cancelled_;
    int reports_ = 0, backwards_ = 0;
    double last_ = 0, largest_jump_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: large_file_window_bench MODEL FOLDER\n";
        return 2;
    }
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    bench::WatchedApplication application(argc, argv);
    QApplication::setApplicationName(QStringLiteral("lacuna-large-file"));
    Bench(application, argv[1], argv[2]).run();
}
