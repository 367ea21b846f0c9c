#pragma once

class QScrollArea;
class QWidget;

namespace lacuna::ui {

/// A panel's column, which scrolls up and down alone and is not stopped at by Tab.
QScrollArea* panel_scroll(QWidget* inside, QWidget* parent);

}  // namespace lacuna::ui
