#include "ui/shell/help_dialogs.h"

#include <QAction>
#include <QDialog>
#include <QDialogButtonBox>
#include <QGridLayout>
#include <QIcon>
#include <QLabel>
#include <QMainWindow>
#include <QMenuBar>
#include <QVBoxLayout>

#include "ui/theme.h"

namespace lacuna::ui {
namespace {

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

void add_row(QGridLayout* grid, const QString& keys, const QString& what) {
    const int row = grid->rowCount();
    auto* left = new QLabel(keys);
    left->setProperty("role", "field");
    grid->addWidget(left, row, 0);
    grid->addWidget(new QLabel(what), row, 1);
}

}  // namespace

void show_shortcuts(QMainWindow* window) {
    auto* table = new QWidget;
    auto* grid = new QGridLayout(table);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(Theme::section);
    grid->setVerticalSpacing(Theme::tight);
    for (QAction* menu : window->menuBar()->actions()) {
        for (QAction* action : menu->menu()->actions()) {
            if (action->shortcut().isEmpty()) continue;
            QString name = action->text().section(':', 0, 0);
            name.remove('&').remove(QStringLiteral("…"));
            add_row(grid, action->shortcut().toString(QKeySequence::NativeText), name);
        }
    }
    add_row(grid, QObject::tr("Ctrl+click, Shift+click"), QObject::tr("Select several layers"));
    add_row(grid, QObject::tr("Wheel, drag"), QObject::tr("Zoom and move the mask"));
    add_row(grid, QObject::tr("Drag the threshold line"), QObject::tr("Set the sparsity level in the distribution"));
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
