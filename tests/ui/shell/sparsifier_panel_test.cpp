#include "ui/shell/sparsifier_panel.h"

#include <gmock/gmock.h>

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QSlider>
#include <QTest>
#include <QToolButton>

#include "tests/ui/application.h"
#include "tests/ui/shell/sample_model.h"
#include "ui/shell/option_fields.h"

namespace lacuna::ui {
namespace {

using testing::ElementsAre;

struct Edit {
    std::vector<size_t> tensors;
    std::string option;
    OptionValue value;
    bool dragging;
};

class SparsifierForm : public testing::Test {
  protected:
    SparsifierForm() {
        snapshot = snapshot_of(write_sample(folder / "sample.safetensors"));
        for (size_t tensor : {fc1_weight, fc2_weight})
            snapshot = with_state(*snapshot, tensor,
                                  [](TensorState& state) { state.sparsifier = &sparsifier("weight_norm"); });
        panel.set_snapshot(snapshot);
        panel.resize(300, 700);
        panel.show();
        QObject::connect(&panel, &SparsifierPanel::option_edited, &panel,
                         [this](const auto& tensors, const auto& option, const auto& value, bool dragging) {
                             edits.push_back({tensors, option, value, dragging});
                         });
    }

    void give(size_t tensor, const char* option, OptionValue value) {
        snapshot = with_state(*snapshot, tensor, [&](TensorState& state) { state.options.set(option, value); });
        panel.set_snapshot(snapshot);
    }
    void select(std::vector<size_t> tensors) {
        panel.set_selection(std::move(tensors));
        QApplication::processEvents();  // a layout shows new widgets in a later turn
    }
    template <class Field>
    Field* field(const char* option) {
        OptionEditor* editor = panel.editor(option);
        return editor ? editor->findChild<Field*>() : nullptr;
    }

    QApplication& application = test_application();  // before the first widget
    testing_support::ScratchFolder folder;
    std::shared_ptr<Snapshot> snapshot;
    SparsifierPanel panel;
    std::vector<Edit> edits;
};

TEST_F(SparsifierForm, IsNeverWiderThanItsDock) {
    constexpr int dock = 300;
    for (const Sparsifier* rule : sparsifiers()) {
        snapshot = with_state(*snapshot, fc1_weight, [&](TensorState& state) { state.sparsifier = rule; });
        panel.set_snapshot(snapshot);
        select({fc1_weight});
        for (const OptionSpec& spec : rule->options())
            EXPECT_LE(panel.editor(spec.name.c_str())->minimumSizeHint().width(), dock - 24)
                << rule->name() << " " << spec.name;
    }
}

TEST_F(SparsifierForm, HasAFieldForEachDeclaredOption) {
    select({fc1_weight});
    for (const OptionSpec& spec : sparsifier("weight_norm").options()) {
        OptionEditor* editor = panel.editor(QString::fromStdString(spec.name));
        ASSERT_NE(editor, nullptr) << spec.name;
        EXPECT_TRUE(editor->isVisible());
        EXPECT_THAT(editor->toolTip().toStdString(), testing::HasSubstr(spec.name));
        for (QWidget* inside : editor->findChildren<QWidget*>())
            if ((inside->focusPolicy() & Qt::TabFocus) && inside->parent() == editor) {
                EXPECT_FALSE(inside->accessibleName().isEmpty()) << spec.name;
            }
    }
    select({head_weight});
    EXPECT_EQ(panel.editor("sparsity_level"), nullptr) << "no sparsifier, no options";
    EXPECT_EQ(panel.sparsifier_field()->currentIndex(), 0);
}

TEST_F(SparsifierForm, ShowsCommonValuesAndMarksMixedOnes) {
    give(fc1_weight, "sparsity_level", 0.25);
    select({fc1_weight, fc2_weight});
    auto* spin = field<QDoubleSpinBox>("sparsity_level");
    EXPECT_EQ(spin->text(), "mixed");
    give(fc2_weight, "sparsity_level", 0.25);
    EXPECT_DOUBLE_EQ(spin->value(), 0.25);
    EXPECT_EQ(spin->text(), "0.250");
    select({fc1_weight, head_weight});
    EXPECT_EQ(panel.sparsifier_field()->currentIndex(), -1) << "different sparsifiers";
}

TEST_F(SparsifierForm, SteppingUpFromMixedStaysInRange) {
    give(fc1_weight, "sparsity_level", 0.25);
    select({fc1_weight, fc2_weight});
    field<QDoubleSpinBox>("sparsity_level")->stepUp();
    ASSERT_EQ(edits.size(), 1u);
    EXPECT_EQ(edits[0].value, OptionValue(sparsifier("weight_norm").find_option("sparsity_level")->minimum));
}

TEST_F(SparsifierForm, DraggingTheSliderSendsValuesThenALastOne) {
    select({fc1_weight, fc2_weight});
    auto* slider = field<QSlider>("sparsity_level");
    slider->setSliderDown(true);
    slider->setSliderPosition(300);
    slider->setSliderPosition(400);
    ASSERT_EQ(edits.size(), 2u);
    EXPECT_THAT(edits[1].tensors, ElementsAre(fc1_weight, fc2_weight));
    EXPECT_EQ(edits[1].option, "sparsity_level");
    EXPECT_EQ(edits[1].value, OptionValue(0.4));
    EXPECT_TRUE(edits[1].dragging);
    give(fc1_weight, "sparsity_level", 0.3);  // an older value comes back while the hand is on the slider
    EXPECT_EQ(slider->sliderPosition(), 400);
    slider->setSliderDown(false);
    ASSERT_EQ(edits.size(), 3u);
    EXPECT_FALSE(edits[2].dragging);
    EXPECT_EQ(edits[2].value, OptionValue(0.4));
}

TEST_F(SparsifierForm, ATypedNumberIsOneEdit) {
    select({fc1_weight});
    auto* spin = field<QDoubleSpinBox>("sparsity_level");
    spin->setFocus();
    spin->selectAll();
    QTest::keyClicks(spin, "0.75");
    EXPECT_TRUE(edits.empty()) << "nothing before Enter";
    QTest::keyClick(spin, Qt::Key_Return);
    ASSERT_EQ(edits.size(), 1u);
    EXPECT_EQ(edits[0].value, OptionValue(0.75));
    EXPECT_EQ(field<QSlider>("sparsity_level")->value(), 750);
}

TEST_F(SparsifierForm, BlockPresetsSetBothSides) {
    select({fc1_weight});
    for (auto* button : panel.editor("sparse_block_shape")->findChildren<QToolButton*>())
        if (button->text() == "4×4") QTest::mouseClick(button, Qt::LeftButton);
    ASSERT_EQ(edits.size(), 1u);
    EXPECT_EQ(edits[0].value, OptionValue(std::vector<int64_t>{4, 4}));
}

TEST_F(SparsifierForm, ResetIsOfferedForWhatWasGiven) {
    select({fc1_weight});
    auto* reset = panel.editor("norm")->findChild<QToolButton*>("reset");
    EXPECT_FALSE(reset->isVisible());
    give(fc1_weight, "norm", std::string("1"));
    EXPECT_TRUE(reset->isVisible());
    std::string asked;
    QObject::connect(&panel, &SparsifierPanel::option_reset, &panel,
                     [&](const auto&, const auto& option) { asked = option; });
    QTest::mouseClick(reset, Qt::LeftButton);
    EXPECT_EQ(asked, "norm");
}

TEST_F(SparsifierForm, SaysProblemsInPlace) {
    snapshot = with_state(*snapshot, fc1_weight, [](TensorState& state) { state.problem = "blocks of 64 do not fit"; });
    panel.set_snapshot(snapshot);
    select({fc1_weight, fc2_weight});
    bool said = false;
    for (auto* label : panel.findChildren<QLabel*>())
        said |= label->isVisible() && label->text() == "encoder.fc1.weight: blocks of 64 do not fit";
    EXPECT_TRUE(said);
}

TEST_F(SparsifierForm, FreezesWhatIsSelected) {
    select({fc2_weight});
    std::vector<size_t> frozen;
    QObject::connect(&panel, &SparsifierPanel::freeze_wanted, &panel, [&](const auto& tensors, bool on) {
        if (on) frozen = tensors;
    });
    panel.findChild<QCheckBox*>()->click();
    EXPECT_THAT(frozen, ElementsAre(fc2_weight));
}

/// Every option type, whichever the registry happens to use today.
TEST(OptionEditors, EachTypeShowsAndSendsItsValue) {
    test_application();
    const auto spec = [](OptionType type) {
        OptionSpec made;
        made.name = "some_option";
        made.type = type;
        made.minimum = 1;
        made.maximum = 8;
        made.choices = {"first", "second"};
        made.variable = "epoch";
        return made;
    };
    const std::pair<OptionType, OptionValue> cases[] = {{OptionType::number, 2.5},
                                                        {OptionType::integer, int64_t(3)},
                                                        {OptionType::boolean, true},
                                                        {OptionType::choice, std::string("second")},
                                                        {OptionType::block_shape, std::vector<int64_t>{2, 4}},
                                                        {OptionType::formula, std::string("epoch / 9")}};
    for (const auto& [type, value] : cases) {
        std::unique_ptr<OptionEditor> editor(OptionEditor::make(spec(type)));
        int sent = 0;
        QObject::connect(editor.get(), &OptionEditor::edited, editor.get(), [&] { ++sent; });
        editor->show_state({std::nullopt, false});
        editor->show_state({value, true});
        EXPECT_EQ(sent, 0) << "showing is not editing: " << int(type);
    }
    std::unique_ptr<OptionEditor> choice(OptionEditor::make(spec(OptionType::choice)));
    choice->show_state({OptionValue(std::string("second")), true});
    EXPECT_EQ(choice->findChild<QComboBox*>()->currentText(), "second");
    std::unique_ptr<OptionEditor> boolean(OptionEditor::make(spec(OptionType::boolean)));
    boolean->show_state({std::nullopt, false});
    EXPECT_EQ(boolean->findChild<QCheckBox*>()->checkState(), Qt::PartiallyChecked);
    OptionValue got;
    QObject::connect(boolean.get(), &OptionEditor::edited, boolean.get(),
                     [&](const OptionValue& value) { got = value; });
    boolean->findChild<QCheckBox*>()->click();
    EXPECT_TRUE(std::holds_alternative<bool>(got));
}

TEST_F(SparsifierForm, SaysWhichTensorsShareALevel) {
    select({fc1_weight});
    EXPECT_FALSE(panel.unit_hint()->isVisible()) << "weight_norm looks at one tensor";
    for (size_t tensor : {fc1_weight, fc2_weight, head_weight})
        snapshot =
            with_state(*snapshot, tensor, [](TensorState& state) { state.sparsifier = &sparsifier("magnitude"); });
    panel.set_snapshot(snapshot);
    select({fc1_weight});
    ASSERT_TRUE(panel.unit_hint()->isVisible());
    EXPECT_THAT(panel.unit_hint()->text().toStdString(), testing::HasSubstr("shared by all 3 tensors"));
    give(fc1_weight, "sparsity_level", 0.25);
    EXPECT_THAT(panel.unit_hint()->text().toStdString(), testing::HasSubstr("pruned alone"));
    select({fc1_weight, fc2_weight});
    EXPECT_THAT(panel.unit_hint()->text().toStdString(), testing::HasSubstr("different options"));
    select({fc2_weight, head_weight});
    EXPECT_THAT(panel.unit_hint()->text().toStdString(), testing::HasSubstr("by no others"));
}

}  // namespace
}  // namespace lacuna::ui
