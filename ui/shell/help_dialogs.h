#pragma once

class QMainWindow;

namespace lacuna::ui {

/// Lists the window's shortcuts and what the mouse does in the canvases.
void show_shortcuts(QMainWindow* window);
void show_about(QMainWindow* window);

}  // namespace lacuna::ui
