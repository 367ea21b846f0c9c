#include <QLineEdit>
#include <QSignalSpy>
#include <QTreeView>

#include "tests/ui/shell/window_fixture.h"

namespace lacuna::ui {
namespace {

class LargeWindow : public WindowTest {
  protected:
    static std::filesystem::path write_large(const std::filesystem::path& path) {
        std::vector<testing_support::TestTensor> tensors;
        for (int i = 0; i < 10'000; ++i) {
            const std::string layer = "blocks." + std::to_string(i / 10) + ".part" + std::to_string(i % 10);
            tensors.push_back(testing_support::random_weights(layer + ".weight", {4, 4}, unsigned(i)));
            tensors.push_back(testing_support::random_weights(layer + ".bias", {4}, unsigned(i)));
        }
        return testing_support::write_safetensors(path, tensors);
    }
};

/// 20,000 tensors: what a person does to all of them reaches the window's views as a few signals, however many rows
/// change. How long the window's thread is busy is what small_layers_window_bench measures.
TEST_F(LargeWindow, WorksOnAllLayersAtOnce) {
    window->files().open_model(text(write_large(folder / "large.safetensors")));
    wait();
    ASSERT_EQ(shown().tensors.size(), 20'000u);
    QTreeView& view = *window->layers().view();
    view.expandAll();
    window->actions().select_all->trigger();
    QApplication::processEvents();
    EXPECT_EQ(window->layers().selected().size(), 10'000u) << "weights, not biases";

    const QSignalSpy told(view.model(), &QAbstractItemModel::dataChanged);
    window->bridge().session().set_sparsifier(window->layers().selected(), "weight_norm");
    wait();
    EXPECT_GT(shown().pruned, 0);
    const uint64_t before = shown().version;
    for (int i = 0; i < 20; ++i) {
        window->bridge().session().set_option(window->layers().selected(), "sparsity_level", 0.5 + i * 0.01, i < 19);
        QApplication::processEvents();
    }
    wait();
    EXPECT_EQ(state(0).options.number("sparsity_level"), 0.69);
    EXPECT_LE(told.size(), 24 * qsizetype(shown().version - before + 10));
    EXPECT_EQ(shown().undo_label, "Set sparsity level of 10000 tensors");

    window->layers().filter()->setText("part7");
    QApplication::processEvents();
    const QAbstractItemModel& rows = *view.model();
    EXPECT_EQ(rows.rowCount(rows.index(3, 0, rows.index(0, 0))), 1);
    window->layers().filter()->clear();
    QApplication::processEvents();
    EXPECT_EQ(rows.rowCount(rows.index(3, 0, rows.index(0, 0))), 10);
}

}  // namespace
}  // namespace lacuna::ui
