#include <QElapsedTimer>
#include <QLineEdit>
#include <QTreeView>

#include "tests/ui/shell/window_fixture.h"

namespace lacuna::ui {
namespace {

/// Notes the longest time in which the window's thread did not come back to its event loop.
class Heartbeat {
  public:
    Heartbeat() {
        last_.start();
        timer_.setInterval(1);
        QObject::connect(&timer_, &QTimer::timeout, &timer_, [this] { beat(); });
        timer_.start();
    }
    qint64 longest() {
        beat();
        return std::exchange(longest_, 0);
    }

  private:
    void beat() { longest_ = std::max(longest_, last_.restart()); }

    QTimer timer_;
    QElapsedTimer last_;
    qint64 longest_ = 0;
};

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

/// 20,000 tensors: nothing that a person does holds the window up. The aim is 100 ms; the limit leaves room for a
/// machine that is busy with other tests.
TEST_F(LargeWindow, IsNeverHeldUp) {
    constexpr qint64 limit = 500;
    const auto large = write_large(folder / "large.safetensors");
    Heartbeat heart;
    const auto held_up = [&](const char* doing) {
        const qint64 longest = heart.longest();
        RecordProperty(doing, int(longest));
        EXPECT_LT(longest, limit) << doing;
    };
    window->files().open_model(text(large));
    wait();
    ASSERT_EQ(shown().tensors.size(), 20'000u);
    held_up("open");
    window->layers().view()->expandAll();
    QApplication::processEvents();
    held_up("expand");
    window->actions().select_all->trigger();
    QApplication::processEvents();
    held_up("select_all");
    window->bridge().session().set_sparsifier(window->layers().selected(), "weight_norm");
    wait();
    held_up("choose_for_all");
    EXPECT_GT(shown().pruned, 0);
    for (int i = 0; i < 20; ++i) {
        window->bridge().session().set_option(window->layers().selected(), "sparsity_level", 0.5 + i * 0.01, i < 19);
        QApplication::processEvents();
    }
    wait();
    held_up("drag");
    window->layers().filter()->setText("part7");
    QApplication::processEvents();
    held_up("filter");
    window->layers().filter()->clear();
    QApplication::processEvents();
    held_up("unfilter");
}

}  // namespace
}  // namespace lacuna::ui
