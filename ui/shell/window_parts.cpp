#include "ui/shell/window_parts.h"

#include <QAction>
#include <QDockWidget>

#include "ui/shell/main_window.h"

namespace lacuna::ui {
namespace {

struct Dialog {
    const char* name;
    QAction* Actions::*action;
};
constexpr Dialog dialogs[] = {{"export", &Actions::export_model},
                              {"convert", &Actions::convert},
                              {"shortcuts", &Actions::shortcuts},
                              {"about", &Actions::about}};
/// A dock's object name is the panel's and "_dock".
constexpr const char* panels[] = {"sparsifier", "schedule", "patterns"};

}  // namespace

QStringList window_parts() {
    QStringList names;
    for (const char* panel : panels) names << QLatin1String(panel);
    for (const Dialog& dialog : dialogs) names << QLatin1String(dialog.name);
    return names;
}

void show_part(MainWindow& window, const QString& name) {
    if (auto* dock = window.findChild<QDockWidget*>(name + QStringLiteral("_dock"))) dock->raise();
    for (const Dialog& dialog : dialogs)
        if (name == QLatin1String(dialog.name)) (window.actions().*dialog.action)->trigger();
}

}  // namespace lacuna::ui
