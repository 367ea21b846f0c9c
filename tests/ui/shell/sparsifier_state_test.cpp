#include "engine/session/sparsifier_state.h"

#include <QAction>
#include <QLabel>
#include <cmath>

#include "tests/ui/shell/window_fixture.h"
#include "ui/canvas/mask_canvas.h"
#include "ui/canvas/schedule_canvas.h"
#include "ui/shell/actions.h"
#include "ui/shell/notice_bar.h"
#include "ui/shell/schedule_panel.h"

namespace lacuna::ui {
namespace {

class StateWindow : public WindowTest {
  protected:
    QString python = QStringLiteral(LACUNA_TEST_DATA "/session/fixtures/python_state.pt");
    QString notice_text() {
        QStringList all;
        for (auto* label : window->notices().findChildren<QLabel*>()) all << label->text();
        return all.join(' ');
    }
};

TEST_F(StateWindow, ShowsWhatPythonSavedAndGoesOn) {
    EXPECT_FALSE(window->actions().load_state->isEnabled());
    open_sample();
    EXPECT_TRUE(window->actions().load_state->isEnabled());
    const QImage dense = window->mask_canvas().render({400, 400}, 1);
    window->files().load_state(python);
    wait();
    // make_state.py's run: three steps of CubicSL to 0.75 and 0.5 in five
    EXPECT_EQ(shown().steps, 3);
    EXPECT_EQ(state(fc1_weight).stepped->pruned(), 76);
    EXPECT_EQ(state(head_weight).stepped->pruned(), 12);
    EXPECT_EQ(state(fc2_weight).sparsifier, nullptr);
    EXPECT_NE(window->mask_canvas().render({400, 400}, 1), dense);
    const SchedulePlot& plot = window->schedule().canvas().plot();
    EXPECT_EQ(plot.taken, 3);
    EXPECT_EQ(plot.curves.at(0).target, 0.75);
    EXPECT_TRUE(std::isnan(plot.curves.at(0).measured.at(2))) << "a state does not say what its steps measured";
    EXPECT_EQ(plot.curves.at(0).levels.at(5), 0.75);

    window->bridge().session().run_schedule();
    wait();
    EXPECT_EQ(state(fc1_weight).stepped->pruned(), 96);
    window->bridge().session().save_state(folder / "out.pt");
    wait();
    EXPECT_EQ(read_sparsifier_state(folder / "out.pt").groups.at(0).mask->pruned(), 96);
    window->actions().undo->trigger();
    window->actions().undo->trigger();
    wait();
    EXPECT_EQ(shown().steps, 0);
    EXPECT_EQ(state(fc1_weight).stepped, nullptr);
}

TEST_F(StateWindow, AFileThatIsNoneIsANotice) {
    open_sample();
    window->files().load_state(text(sample));
    wait();
    EXPECT_EQ(window->notices().count(), 1);
    EXPECT_THAT(notice_text().toStdString(), testing::HasSubstr("Loading state sample.safetensors: "));
    EXPECT_EQ(shown().undo_label, "");
}

}  // namespace
}  // namespace lacuna::ui
