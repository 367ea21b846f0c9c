#include "ui/shell/style.h"

#include <QApplication>
#include <QHash>
#include <QRegularExpression>
#include <QStyleFactory>

#include "ui/theme.h"

/// A static library's resources register only when somebody asks; the macro must stand outside any namespace.
static void register_resources() {
    Q_INIT_RESOURCE(lacuna);
}

namespace lacuna::ui {
namespace {

/// @name stands for a colour or size of the theme.
const char* const sheet_template = R"(
QToolTip { background: @raised; color: @text; border: 1px solid @border; padding: 6px 8px; }

QMenuBar { background: @window; border-bottom: 1px solid @line; padding: 2px 6px; }
QMenuBar::item { padding: 5px 10px; border-radius: @radius; background: transparent; }
QMenuBar::item:selected { background: @hovered; }
QMenu { background: @raised; border: 1px solid @border; padding: 5px; }
QMenu::item { padding: 6px 28px 6px 26px; border-radius: @radius; }
QMenu::item:selected { background: @accent; color: @on_accent; }
QMenu::item:disabled { color: @disabled; background: transparent; }
QMenu::separator { height: 1px; background: @line; margin: 5px 8px; }

QToolBar { background: @window; border: none; border-bottom: 1px solid @line; padding: 3px 8px; spacing: 2px; }
QToolBar::separator { width: 1px; background: @line; margin: 5px 6px; }
QToolBar QToolButton { padding: 4px 10px; border-radius: @radius; border: 1px solid transparent; }
QToolBar QToolButton:hover { background: @hovered; }
QToolBar QToolButton:pressed { background: @line; }
QToolBar QToolButton:disabled { color: @disabled; }
QToolBar QToolButton:focus { border-color: @accent; }

QMainWindow::separator { background: @line; width: 1px; height: 1px; }
QMainWindow::separator:hover { background: @accent; }
QLabel[role="dock"] { background: @window; color: @muted; font-size: @small; font-weight: 600; padding: 9px 12px 8px 12px;
                      border-bottom: 1px solid @line; }
QDockWidget > QWidget { background: @window; }

QMainWindow > QTabBar { background: @window; }
QMainWindow > QTabBar::tab { min-width: 64px; background: @window; color: @muted; font-size: @small; font-weight: 600; padding: 9px 12px 8px 12px;
                             border: none; border-bottom: 1px solid @line; }
QMainWindow > QTabBar::tab:selected { color: @text; border-bottom: 2px solid @accent; padding-bottom: 7px; }
QMainWindow > QTabBar::tab:hover:!selected { background: @hovered; }
QMainWindow > QTabBar::tab:selected:focus { background: @selection; }

QStatusBar { background: @window; border-top: 1px solid @line; }
QStatusBar::item { border: none; }

QTreeView { background: @surface; border: 1px solid @line; border-radius: 6px; outline: 0;
            selection-background-color: @selection; selection-color: @text; }
QTreeView:focus { border-color: @accent; }
QTreeView::item { height: @row; padding: 0 4px; border: none; }
QTreeView::item:hover:!selected { background: @alternate; }
QTreeView::item:selected { background: @selection; color: @text; }
QHeaderView { background: transparent; }
QHeaderView::section { background: @surface; color: @muted; border: none; border-bottom: 1px solid @line;
                       padding: 6px 5px; font-size: @small; font-weight: 600; }

QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: @border; border-radius: 3px; margin: 3px; min-height: 28px; min-width: 28px; }
QScrollBar::handle:hover { background: @muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox { background: @surface; border: 1px solid @border; border-radius: @radius;
                                                 padding: 4px 8px; min-height: 18px;
                                                 selection-background-color: @accent; selection-color: @on_accent; }
QSpinBox, QDoubleSpinBox { padding-right: 18px; }
QSpinBox::up-button, QDoubleSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::down-button {
    subcontrol-origin: border; width: 18px; border: none; background: transparent; }
QSpinBox::up-button, QDoubleSpinBox::up-button { subcontrol-position: top right; margin: 2px 2px 0 0; }
QSpinBox::down-button, QDoubleSpinBox::down-button { subcontrol-position: bottom right; margin: 0 2px 2px 0; }
QSpinBox::up-button:hover, QDoubleSpinBox::up-button:hover, QSpinBox::down-button:hover,
QDoubleSpinBox::down-button:hover { background: @hovered; border-radius: 2px; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url(:/lacuna/icons/arrow-up.png); width: 8px; height: 6px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow, QComboBox::down-arrow {
    image: url(:/lacuna/icons/arrow-down.png); width: 8px; height: 6px; }
QComboBox { padding-right: 22px; }
QComboBox::drop-down { subcontrol-origin: border; subcontrol-position: center right; width: 22px; border: none;
                       background: transparent; }
QComboBox QAbstractItemView { background: @raised; border: 1px solid @border; outline: none; padding: 4px;
                              selection-background-color: @accent; selection-color: @on_accent; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus { border: 1px solid @accent; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled { color: @disabled; }

QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QCheckBox { spacing: 8px; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid @border; border-radius: 3px; background: @surface; }
QCheckBox::indicator:hover, QCheckBox::indicator:focus { border-color: @accent; }
QCheckBox::indicator:checked { background: @accent; border-color: @accent; image: url(:/lacuna/icons/tick-@shade.png); }
QCheckBox::indicator:indeterminate { background: @accent; border-color: @accent;
                                     image: url(:/lacuna/icons/dash-@shade.png); }

QPushButton { background: @raised; border: 1px solid @border; border-radius: @radius; padding: 6px 16px; min-height: 18px; }
QPushButton:hover { background: @hovered; }
QPushButton:focus { border-color: @accent; }
QPushButton:disabled { color: @disabled; }
QPushButton[role="small"] { padding: 4px 6px; font-size: @small; }
QPushButton[role="primary"] { background: @accent; color: @on_accent; border-color: @accent; font-weight: 600; }
QPushButton[role="primary"]:hover, QPushButton[role="primary"]:focus { border-color: @text; }
QPushButton[role="primary"]:disabled { background: @hovered; color: @disabled; border-color: @border; }

QToolButton[role="link"] { border: 1px solid transparent; background: transparent; color: @accent; font-size: @small; padding: 1px 5px;
                           border-radius: @radius; }
QToolButton[role="link"]:hover { background: @hovered; }
QToolButton[role="link"]:focus { border-color: @accent; }
QToolButton[role="chip"] { border: 1px solid @border; border-radius: 9px; background: transparent; color: @muted;
                           font-size: @small; padding: 1px 5px; }
QToolButton[role="chip"]:hover { background: @hovered; color: @text; }
QToolButton[role="chip"]:checked { background: @accent; border-color: @accent; color: @on_accent; }
QToolButton[role="chip"]:focus { border-color: @text; }

QLabel[role="large"] { font-size: @large; font-weight: 600; }
QLabel[role="title"] { font-size: @title; font-weight: 600; }
QLabel[role="quiet"] { color: @muted; }
QLabel[role="hint"] { color: @muted; font-size: @small; }
QLabel[role="field"] { font-weight: 600; }
QLabel[role="figure"] { font-weight: 600; }
QLabel[role="figure"]:disabled { color: @muted; }
QLabel[role="problem"] { color: @error; }
QLabel[role="remark"] { color: @warning; }
QLabel[role="card"] { background: @surface; border: 1px solid @line; border-radius: 6px; padding: 10px 12px; }

QProgressBar { background: @line; border: none; border-radius: 3px; }
QProgressBar::chunk { background: @accent; border-radius: 3px; }

#notice { background: @raised; border: none; border-bottom: 1px solid @line; }
#notice[kind="error"] { border-left: 3px solid @error; }
#notice[kind="warning"] { border-left: 3px solid @warning; }
#notice[kind="information"] { border-left: 3px solid @information; }
#notice #mark { color: @raised; border-radius: 9px; font-size: @small; font-weight: 700; }
#notice[kind="error"] #mark { background: @error; }
#notice[kind="warning"] #mark { background: @warning; }
#notice[kind="information"] #mark { background: @information; }
)";

QColor mixed(const QColor& back, const QColor& front, double share) {
    const auto part = [share](int low, int high) { return int(low + (high - low) * share); };
    return {part(back.red(), front.red()), part(back.green(), front.green()), part(back.blue(), front.blue())};
}

QHash<QString, QString> names(const Theme& theme) {
    const auto pixels = [](int size) { return QString::number(size) + QStringLiteral("px"); };
    return {{"window", theme.window.name()},
            {"surface", theme.surface.name()},
            {"alternate", theme.alternate.name()},
            {"raised", theme.raised.name()},
            {"hovered", theme.hovered.name()},
            {"border", theme.border.name()},
            {"line", theme.grid.name()},
            {"text", theme.text.name()},
            {"muted", theme.muted.name()},
            {"disabled", theme.disabled.name()},
            {"accent", theme.accent.name()},
            {"on_accent", theme.on_accent.name()},
            {"selection", mixed(theme.surface, theme.accent, theme.dark ? 0.30 : 0.16).name()},
            {"information", theme.information.name()},
            {"warning", theme.warning.name()},
            {"error", theme.error.name()},
            {"shade", theme.dark ? QStringLiteral("dark") : QStringLiteral("light")},
            {"radius", pixels(Theme::radius)},
            {"row", pixels(Theme::row_height)},
            {"small", pixels(Theme::small_text)},
            {"title", pixels(Theme::title_text)},
            {"large", pixels(Theme::large_text)}};
}

}  // namespace

QString style_sheet() {
    static const QRegularExpression placeholder(QStringLiteral("@([a-z_]+)"));
    const auto values = names(Theme::current());
    const QString source = QString::fromUtf8(sheet_template);
    QString sheet;
    qsizetype done = 0;
    for (auto match = placeholder.globalMatch(source); match.hasNext();) {
        const auto one = match.next();
        sheet += source.mid(done, one.capturedStart() - done) + values.value(one.captured(1));
        done = one.capturedEnd();
    }
    return sheet + source.mid(done);
}

void use_theme(ThemeChoice choice) {
    static const bool desktop_dark = Theme::desktop_is_dark();  // asked before our own palette is set
    register_resources();
    Theme::set_dark(choice == ThemeChoice::dark || (choice == ThemeChoice::system && desktop_dark));
    QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    apply_theme();
    qApp->setStyleSheet(style_sheet());
}

}  // namespace lacuna::ui
