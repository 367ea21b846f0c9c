#pragma once

#include <QLabel>

namespace lacuna::ui {

/// A label that wraps and shows its text as it is: what looks like markup in a name from a file is none. `role` is
/// style.cpp's.
QLabel* plain_label(QWidget* parent, const char* role, const QString& text = {});

/// The text as a tooltip shows it as it is: Qt takes for markup what looks so.
QString plain_tooltip(const QString& text);

}  // namespace lacuna::ui
