#include "ui/shell/help_dialogs.h"

#include <QAction>
#include <QDialog>
#include <QDialogButtonBox>
#include <QGridLayout>
#include <QIcon>
#include <QLabel>
#include <QMainWindow>
#include <QMenu>
#include <QMenuBar>
#include <QVBoxLayout>
#include <vector>

#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int section_height = 28;

QDialog* make_dialog(QMainWindow* window, const QString& title, QWidget* inside) {
    auto* dialog = new QDialog(window);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(title);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, dialog);
    QObject::connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::reject);
    auto* column = new QVBoxLayout(dialog);
    column->setContentsMargins(Theme::section, Theme::section, Theme::section, Theme::margin);
    column->setSpacing(Theme::margin);
    column->addWidget(inside);
    column->addWidget(buttons);
    return dialog;
}

struct Row {
    QString keys, what;
};

/// Rows under a heading, below those that the grid has.
void add_section(QGridLayout* grid, const QString& title, const std::vector<Row>& rows) {
    if (rows.empty()) return;
    int row = grid->rowCount();
    auto* heading = new QLabel(title);
    heading->setProperty("role", "hint");
    grid->addWidget(heading, row, 0, 1, 2, Qt::AlignBottom);
    if (row > 1) grid->setRowMinimumHeight(row, section_height);
    for (const auto& [keys, what] : rows) {
        auto* left = new QLabel(keys);
        left->setProperty("role", "field");
        grid->addWidget(left, ++row, 0);
        grid->addWidget(new QLabel(what), row, 1);
    }
}

std::vector<Row> shortcuts_of(const QMenu& menu) {
    std::vector<Row> rows;
    for (const QAction* action : menu.actions()) {
        if (action->shortcut().isEmpty()) continue;
        QString name = action->text().section(':', 0, 0);
        name.remove('&').remove(QStringLiteral("…"));
        rows.push_back({action->shortcut().toString(QKeySequence::NativeText), name});
    }
    return rows;
}

}  // namespace

void show_shortcuts(QMainWindow* window) {
    auto* table = new QWidget;
    auto* columns = new QHBoxLayout(table);
    columns->setContentsMargins(0, 0, 0, 0);
    columns->setSpacing(2 * Theme::section);
    auto *left = new QGridLayout, *right = new QGridLayout;
    for (QGridLayout* grid : {left, right}) {
        grid->setHorizontalSpacing(Theme::margin);
        grid->setVerticalSpacing(Theme::tight);
        columns->addLayout(grid);
    }
    for (const QAction* menu : window->menuBar()->actions())
        add_section(left, menu->text().remove('&'), shortcuts_of(*menu->menu()));
    const auto tr = [](const char* text) { return QObject::tr(text); };
    add_section(right, tr("Everywhere"),
                {{tr("Tab, Shift+Tab"), tr("Next and previous field or canvas")},
                 {tr("Drop files"), tr("Open models, data, recipes, states")}});
    add_section(right, tr("Layers"),
                {{tr("Up, Down"), tr("Look at another layer")},
                 {tr("Left, Right"), tr("Close and open a layer")},
                 {tr("Ctrl+click, Shift+click"), tr("Select several")}});
    add_section(right, tr("Mask"),
                {{tr("Wheel, + and -"), tr("Zoom")},
                 {tr("Drag, arrow keys"), tr("Move; with Shift a room further")},
                 {tr("0"), tr("Show everything")},
                 {tr("1"), tr("One pixel a weight")},
                 {tr("M"), tr("Weights, mask or magnitude")}});
    add_section(right, tr("Distribution"),
                {{tr("Drag the threshold line"), tr("Set the sparsity level")},
                 {tr("Left, Right"), tr("By 1 %; with Shift by 0.1 %")},
                 {tr("Page Up, Page Down"), tr("By 10 %")},
                 {tr("Home, End"), tr("To 0 % and 100 %")},
                 {tr("L"), tr("Counts on a logarithmic scale")}});
    for (QGridLayout* grid : {left, right}) grid->setRowStretch(grid->rowCount(), 1);
    make_dialog(window, QObject::tr("Keyboard shortcuts"), table)->open();
}

void show_about(QMainWindow* window) {
    auto* about = new QWidget;
    auto* row = new QHBoxLayout(about);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(Theme::section);
    auto* icon = new QLabel;
    icon->setPixmap(window->windowIcon().pixmap(64));
    auto* text =
        new QLabel(QObject::tr("<b>Lacuna %1</b><br>Opens a neural network, prunes it layer by layer, and shows "
                               "masks and cost while they change.<br><br>The same recipe gives the same file "
                               "with lacuna-cli.")
                       .arg(QStringLiteral(LACUNA_VERSION)));
    text->setWordWrap(true);
    text->setMinimumWidth(360);
    row->addWidget(icon, 0, Qt::AlignTop);
    row->addWidget(text, 1);
    make_dialog(window, QObject::tr("About Lacuna"), about)->open();
}

}  // namespace lacuna::ui
