#pragma once

class QLabel;
class QScrollArea;
class QWidget;

namespace lacuna::ui {

/// A panel's column, which scrolls up and down alone and is not stopped at by Tab.
QScrollArea* panel_scroll(QWidget* inside, QWidget* parent);

/// Text of a panel that breaks into lines; `role` is the style sheet's: "title", "hint", "problem", "remark".
QLabel* panel_text(QWidget* parent, const char* role);

}  // namespace lacuna::ui
