#pragma once

#include <QStringList>

namespace lacuna::ui {

class MainWindow;

/// Names of the panels and dialogs that a window can be asked to show, for pictures of each.
QStringList window_parts();
/// Brings the panel to the front, or opens the dialog; nothing where the dialog needs a model and there is none.
void show_part(MainWindow& window, const QString& name);

}  // namespace lacuna::ui
