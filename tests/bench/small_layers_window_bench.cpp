// The explorer's window over 20,000 layers of 64 × 64 weights: what each thing that a person does costs (see
// watched_window.h). small_layers_window_bench [LAYERS]
#include <QApplication>
#include <QLineEdit>
#include <QScrollBar>
#include <QTreeView>
#include <cstdlib>
#include <functional>

#include "tests/bench/small_layers.h"
#include "tests/bench/watched_window.h"
#include "tests/support/scratch_folder.h"
#include "ui/shell/actions.h"
#include "ui/shell/file_commands.h"
#include "ui/shell/layers_panel.h"

using namespace lacuna;
using namespace lacuna::ui;

namespace {

class Bench {
  public:
    Bench(bench::WatchedApplication& application, int layers) : layers_(layers), watched_(application) {}

    void run() {
        const testing_support::ScratchFolder folder;
        const auto model = bench::write_small_layers(folder.path() / "small.safetensors", layers_);
        watched_.print_heading(std::to_string(layers_) + " layers");
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

    void measure(const char* name, const std::function<void()>& work) { watched_.measure(name, work); }

    int layers_;
    bench::WatchedWindow watched_;
    MainWindow& window_ = watched_.window();
};

}  // namespace

int main(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    bench::WatchedApplication application(argc, argv);
    QApplication::setApplicationName(QStringLiteral("lacuna-small-layers"));
    Bench(application, argc > 1 ? std::atoi(argv[1]) : bench::small_layers).run();
}
