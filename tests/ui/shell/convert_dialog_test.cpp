#include "ui/shell/convert_dialog.h"

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTreeWidget>

#include "tests/ui/shell/window_fixture.h"
#include "ui/shell/conversion_report_dialog.h"
#include "ui/shell/option_form.h"

namespace lacuna::ui {
namespace {

TEST(ConvertDialogText, ShapesAreReadInAnySpelling) {
    const Shape shape{1, 3, 32, 32};
    for (const char* text : {"1x3x32x32", "1×3×32×32", "1, 3, 32, 32", " 1 3 32 32 "})
        EXPECT_EQ(shape_from(QString::fromUtf8(text)), shape) << text;
    for (const char* text : {"", "x", "1x0", "1x-3", "three", "1x3.5"})
        EXPECT_FALSE(shape_from(QString::fromUtf8(text))) << text;
}

using ConvertWindow = WindowTest;

TEST_F(ConvertWindow, ListsTheConversionsAndSaysWhatStandsAgainstOne) {
    open_sample();
    window->actions().convert->trigger();
    ConvertDialog* dialog = window->files().convert_dialog();
    ASSERT_TRUE(dialog);
    EXPECT_EQ(dialog->conversion_field()->count(), int(conversions().size()));
    EXPECT_FALSE(dialog->convert_button()->isEnabled());
    EXPECT_FALSE(dialog->problem_text()->text().isEmpty()) << "a safetensors file has no code to rewrite";
    EXPECT_TRUE(dialog->path_field()->text().endsWith("sample-converted.pt"));
    dialog->reject();
}

TEST_F(ConvertWindow, SaysOnWhatTheModelsAreCompared) {
    open_sample();
    const auto all_text = [](const QDialog& dialog) {
        QString all;
        for (const QLabel* label : dialog.findChildren<QLabel*>()) all += label->text() + '\n';
        return all.toStdString();
    };
    ConvertDialog without(window->snapshot());
    EXPECT_THAT(all_text(without), testing::HasSubstr("one random input"));
    for (const QLineEdit* line : without.findChildren<QLineEdit*>())
        EXPECT_FALSE(line->placeholderText().contains("left empty"));
    using namespace testing_support;
    window->files().open_data(
        text(write_safetensors(folder / "digits.safetensors", {random_weights("inputs", {3, 8})})));
    wait();
    ConvertDialog with(window->snapshot());
    EXPECT_THAT(all_text(with), testing::HasSubstr("on samples of digits.safetensors"));
}

TEST_F(ConvertWindow, EveryConversionHasAFormFromItsDeclaration) {
    open_sample();
    ConvertDialog dialog(window->snapshot());
    for (int i = 0; i < dialog.conversion_field()->count(); ++i) {
        dialog.conversion_field()->setCurrentIndex(i);
        const Conversion& one = *conversions()[size_t(i)];
        for (const OptionSpec& spec : one.options)
            EXPECT_TRUE(dialog.form()->editor(QString::fromStdString(spec.name))) << one.name << " " << spec.name;
        EXPECT_EQ(dialog.order().conversion, one.name);
        EXPECT_TRUE(dialog.order().options.values().empty()) << "left-out options are the conversion's";
    }
}

TEST_F(ConvertWindow, TheReportShowsWhatChanged) {
    if (conversions().empty()) GTEST_SKIP() << "no conversion is built in";
    ConversionResult result{conversions()[0]->name, "small.pt", {}};
    result.report.parameters_before = 87'178;
    result.report.parameters_after = 21'000;
    result.report.largest_difference = 1.5e-6;
    result.report.largest_output = 12;
    result.report.samples_compared = 360;
    result.report.rows = {{"fc1.weight", {64, 32}, {16, 32}, "48 outputs removed"}, {"fc2.bias", {4}, {}, "folded"}};
    result.report.notes = {"head stays as it was"};
    ConversionReportDialog dialog(result);
    QString all;
    for (const QLabel* label : dialog.findChildren<QLabel*>()) all += label->text() + '\n';
    for (const char* part : {"87,178", "21,000", "1.5e-06", "360 samples", "head stays as it was"})
        EXPECT_TRUE(all.contains(part)) << part << " in " << all.toStdString();
    const auto* table = dialog.findChild<QTreeWidget*>();
    ASSERT_TRUE(table);
    ASSERT_EQ(table->topLevelItemCount(), 2);
    EXPECT_EQ(table->topLevelItem(0)->text(2), "16×32");
    EXPECT_EQ(table->topLevelItem(1)->text(2), "gone");
}

}  // namespace
}  // namespace lacuna::ui
