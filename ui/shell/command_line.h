#pragma once

#include <QSize>
#include <QString>
#include <QStringList>
#include <optional>

#include "ui/shell/style.h"

namespace lacuna::ui {

/// What `lacuna` was asked for.
struct CommandLine {
    QString model, data, recipe;
    QString render;         ///< a PNG to draw instead of opening a window; empty: open it
    QSize size{1280, 800};  ///< of the window, in logical pixels
    double scale = 1;       ///< physical pixels for a logical one
    QString focus;          ///< the tensor FQN to look at
    QString state;          ///< a sparsifier's state to go on from
    int autosave = 30;      ///< seconds that a change waits at most for its copy on the disk; 0: none is kept
    QString show;           ///< the part of the window to draw (window_parts()); empty: as it opens
    std::optional<ThemeChoice> theme;
};

/// What `main` has to do after the command line was read.
struct Parsed {
    CommandLine line;
    std::optional<int> exit_status;  ///< leave with it at once: help or version was printed, or the usage was wrong
};
Parsed parse_command_line(int argc, const char* const* argv);

}  // namespace lacuna::ui
