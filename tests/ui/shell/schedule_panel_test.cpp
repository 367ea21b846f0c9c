#include "ui/shell/schedule_panel.h"

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSlider>
#include <QSpinBox>
#include <QTest>

#include "engine/session/recipe.h"
#include "tests/ui/shell/window_fixture.h"
#include "ui/canvas/schedule_canvas.h"
#include "ui/shell/actions.h"
#include "ui/shell/notice_bar.h"
#include "ui/shell/option_editor.h"
#include "ui/shell/window_parts.h"

namespace lacuna::ui {
namespace {

class ScheduleWindow : public WindowTest {
  protected:
    void choose(const char* name, size_t scheduler = 0) {
        QComboBox* field = panel().scheduler_field(scheduler);
        field->setCurrentIndex(field->findData(name));
        Q_EMIT field->activated(field->currentIndex());
        wait();
    }
    void open_pruned() {
        open_sample();
        window->bridge().session().set_sparsifier({fc1_weight, fc2_weight, head_weight}, "weight_norm");
        wait();
    }
    /// Types a formula into a line that has the keyboard.
    void type(QLineEdit* line, const char* formula) {
        show_part(*window, "schedule");
        window->activateWindow();
        ASSERT_TRUE(QTest::qWaitForWindowActive(window.get()));
        line->setFocus();
        ASSERT_TRUE(line->hasFocus());
        line->selectAll();
        QTest::keyClicks(line, formula);
        wait();
    }
    SchedulePanel& panel() { return window->schedule(); }
    const SchedulePlot& plot() { return panel().canvas().plot(); }
    QSpinBox* number(const char* option) { return panel().editor(option)->findChild<QSpinBox*>(); }
};

TEST_F(ScheduleWindow, CanBeAddedOnceALayerHasALevel) {
    EXPECT_FALSE(panel().scheduler_field()->isEnabled());
    open_sample();
    EXPECT_FALSE(panel().scheduler_field()->isEnabled());
    window->bridge().session().set_sparsifier({fc1_weight}, "weight_norm");
    wait();
    EXPECT_TRUE(panel().scheduler_field()->isEnabled());
    EXPECT_EQ(panel().scheduler_field()->count(), 1 + int(schedules().size()));
    choose("cubic");
    ASSERT_TRUE(shown().schedule);
    EXPECT_EQ(plot().steps, 10);
    EXPECT_EQ(plot().curves.at(0).levels.back(), 0.5) << "a new curve ends at the last step";
    for (const OptionSpec& spec : schedule("cubic").options())
        EXPECT_TRUE(panel().editor(QString::fromStdString(spec.name)));
    choose("");
    EXPECT_FALSE(shown().schedule);
}

TEST_F(ScheduleWindow, OptionsMoveTheCurveAndSaveWithTheRecipe) {
    open_pruned();
    choose("cubic");
    panel().steps_field()->findChild<QSpinBox*>()->setValue(6);
    wait();
    EXPECT_EQ(plot().steps, 6);
    EXPECT_LT(plot().curves.at(0).levels.back(), 0.5);
    EXPECT_FALSE(panel().remark()->isHidden()) << "the curve is longer than the steps";
    panel().fit_button()->click();
    wait();
    EXPECT_EQ(plot().curves.at(0).levels.back(), 0.5);
    EXPECT_TRUE(panel().remark()->isHidden());
    EXPECT_FALSE(panel().fit_button()->isEnabled());

    window->layers().select_tensor(fc1_weight);
    QApplication::processEvents();
    number("init_t")->setValue(2);
    wait();
    ASSERT_EQ(plot().curves.size(), 2u) << "the selected layer has a curve of its own now";
    EXPECT_EQ(plot().curves[0].levels[2], 0);
    EXPECT_GT(plot().curves[1].levels[2], 0);
    window->bridge().session().save_recipe(folder / "saved.yaml");
    wait();
    const Recipe saved = read_recipe(folder / "saved.yaml");
    EXPECT_EQ(saved.steps, 6);
    ASSERT_EQ(saved.schedules.size(), 1u);
    ASSERT_EQ(saved.schedules[0].options.size(), 2u);
    EXPECT_EQ(saved.schedules[0].options[0].integer("init_t"), 2);
}

TEST_F(ScheduleWindow, AFormulaIsDrawnAsItIsTypedAndItsErrorsStandBesideIt) {
    open_pruned();
    choose("lambda");
    EXPECT_EQ(plot().curves.at(0).levels.front(), 0) << "a new one is a line up to the last step";
    EXPECT_EQ(plot().curves.at(0).levels.back(), 0.5);
    auto* editor = panel().editor("factor");
    auto* line = editor->findChild<QLineEdit*>();
    type(line, "0.5 ^ epcoh");
    EXPECT_THAT(editor->problem().toStdString(), testing::HasSubstr("column 7: \"epcoh\" is not known"));
    EXPECT_EQ(line->text(), "0.5 ^ epcoh") << "what is typed stays while there is a hand on it";
    type(line, "1 / (epoch - 3)");
    EXPECT_THAT(editor->problem().toStdString(), testing::HasSubstr("no finite level at epoch 3"));
    type(line, "2 ^ -epoch");
    QTest::keyClick(line, Qt::Key_Return);
    wait();
    EXPECT_EQ(editor->problem(), "");
    EXPECT_EQ(plot().curves.at(0).levels.at(2), 0.125);
    EXPECT_FALSE(panel().fit_button()->isEnabled()) << "a person's formula is not changed";
    EXPECT_FALSE(panel().remark()->isHidden());
    EXPECT_EQ(window->notices().count(), 0);
    window->actions().undo->trigger();
    wait();
    EXPECT_EQ(plot().curves.at(0).levels.back(), 0.5) << "all that was typed is one undo entry";

    type(line, "2 * epoch)");
    panel().run_button()->setFocus();
    wait();
    EXPECT_EQ(line->text(), "2 * epoch") << "the last formula that made sense";
    EXPECT_EQ(editor->problem(), "");
    EXPECT_GT(plot().curves.at(0).levels.back(), 1) << "levels are not clamped";
}

TEST_F(ScheduleWindow, SchedulersAreChainedAndTakenOutAgain) {
    open_pruned();
    choose("cubic");
    EXPECT_TRUE(panel().scheduler_field(1)->isVisibleTo(&panel())) << "another one can be added";
    const std::vector<double> cubic = plot().curves.at(0).levels;
    choose("lambda", 1);
    ASSERT_EQ(shown().schedule->rules.size(), 2u);
    EXPECT_EQ(plot().curves.at(0).levels, cubic) << "a new one behind another changes nothing at first";
    auto* line = panel().editor("factor", 1)->findChild<QLineEdit*>();
    type(line, "epoch < 4 ? 0 : 1");
    QTest::keyClick(line, Qt::Key_Return);
    wait();
    EXPECT_EQ(plot().curves.at(0).levels.at(3), 0);
    EXPECT_EQ(plot().curves.at(0).levels.at(4), cubic.at(4));
    window->bridge().session().save_recipe(folder / "chain.yaml");
    wait();
    EXPECT_EQ(read_recipe(folder / "chain.yaml").schedules.size(), 2u);
    choose("", 0);
    ASSERT_EQ(shown().schedule->rules.size(), 1u);
    EXPECT_EQ(shown().schedule->rules[0], &schedule("lambda"));
    EXPECT_EQ(shown().tensors.at(fc1_weight)->schedule.at(0).choice("factor"), "epoch < 4 ? 0 : 1") << "options stay";
    window->bridge().session().load_recipe(folder / "chain.yaml");
    wait();
    EXPECT_EQ(plot().curves.at(0).levels.at(4), cubic.at(4));
}

TEST_F(ScheduleWindow, TheMarkMovesWithTheSteps) {
    open_pruned();
    choose("cubic");
    EXPECT_TRUE(window->actions().step->isEnabled()) << "the first step prunes nothing, and yet it counts";
    window->actions().step->trigger();
    wait();
    EXPECT_EQ(plot().taken, 1);
    EXPECT_EQ(plot().curves[0].measured, std::vector<double>{0});
    panel().run_button()->click();
    wait();
    EXPECT_EQ(plot().taken, 10);
    EXPECT_EQ(plot().curves[0].measured.size(), 10u);
    EXPECT_NEAR(plot().curves[0].measured.back(), 0.5, 0.02);
    EXPECT_FALSE(window->actions().step->isEnabled());
    EXPECT_FALSE(panel().run_button()->isEnabled());
    panel().restart_button()->click();
    wait();
    EXPECT_EQ(plot().taken, 0);
    EXPECT_TRUE(plot().curves[0].measured.empty());
    window->actions().undo->trigger();
    wait();
    EXPECT_EQ(plot().taken, 10);
}

}  // namespace
}  // namespace lacuna::ui
