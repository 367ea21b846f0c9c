#pragma once

#include "ui/shell/command_line.h"

namespace lacuna::ui {

/// `lacuna --render`: opens what the command line names in a window that nobody sees, waits until all is computed, and
/// writes the window's picture. Returns the exit status; failures go to stderr as `error: …`. Needs a QApplication.
int render_window(const CommandLine& line);

}  // namespace lacuna::ui
