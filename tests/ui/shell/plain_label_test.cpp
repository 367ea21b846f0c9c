#include "ui/shell/plain_label.h"

#include <QAction>
#include <QComboBox>

#include "tests/ui/shell/window_fixture.h"
#include "ui/shell/sparsifier_panel.h"

namespace lacuna::ui {
namespace {

/// A model whose names look like markup and like marked keys.
class MarkedNames : public WindowTest {
  protected:
    MarkedNames() {
        using namespace testing_support;
        sample = write_safetensors(folder / "marked.safetensors",
                                   {random_weights("<b>a&b</b>.weight", {16, 8}, 1), random_weights("c", {4, 4}, 2)});
        open_sample();
        window->layers().select_tensor(0);
        auto* box = window->sparsifier().sparsifier_field();
        Q_EMIT box->activated(box->findData(QStringLiteral("weight_norm")));
        wait();
    }
};

TEST_F(MarkedNames, AreShownAsTheyAre) {
    int found = 0;
    for (const auto* label : window->findChildren<QLabel*>()) {
        if (!label->text().contains(QStringLiteral("<b>"))) continue;
        EXPECT_EQ(label->textFormat(), Qt::PlainText) << label->text().toStdString();
        ++found;
    }
    EXPECT_GE(found, 1) << "the panel names the tensor";
}

TEST_F(MarkedNames, AreNoMarkupInActions) {
    const QAction& undo = *window->actions().undo;
    EXPECT_EQ(undo.text().toStdString(), "Undo: set sparsifier of <b>a&&b</b>.weight");
    EXPECT_THAT(undo.toolTip().toStdString(), testing::HasSubstr("&lt;b&gt;a&amp;b&lt;/b&gt;"));
}

TEST(PlainTooltip, EscapesWhatWouldBeMarkup) {
    EXPECT_EQ(plain_tooltip(QStringLiteral("a < b & c")), QStringLiteral("a < b & c"));
    EXPECT_EQ(plain_tooltip(QStringLiteral("<i>x</i>")), QStringLiteral("<span>&lt;i&gt;x&lt;/i&gt;</span>"));
}

}  // namespace
}  // namespace lacuna::ui
