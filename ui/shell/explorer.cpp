#include "ui/shell/explorer.h"

#include <QApplication>
#include <clocale>
#include <iostream>

#include "ui/shell/file_commands.h"
#include "ui/shell/icons.h"
#include "ui/shell/main_window.h"
#include "ui/shell/recovery.h"
#include "ui/shell/render.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

/// Qt aborts where there is no display; this says what to do instead.
bool display_is_missing() {
    return qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM") && qEnvironmentVariableIsEmpty("DISPLAY") &&
           qEnvironmentVariableIsEmpty("WAYLAND_DISPLAY");
}

/// Without a display Qt's platform has remarks that help nobody; a render says only what failed.
void drop_remarks(QtMsgType type, const QMessageLogContext&, const QString& text) {
    if (type == QtCriticalMsg || type == QtFatalMsg) std::cerr << text.toStdString() << '\n';
}

void prepare_environment(const CommandLine& line) {
    if (line.render.isEmpty()) return;
    qInstallMessageHandler(drop_remarks);
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    qputenv("QT_SCALE_FACTOR", QByteArray::number(line.scale));
}

int show_window(const CommandLine& line) {
    MainWindow window(true);
    if (line.theme) window.choose_theme(*line.theme);
    window.show();
    if (!line.model.isEmpty()) window.files().open_model(line.model);
    if (!line.data.isEmpty()) window.files().open_data(line.data);
    if (!line.recipe.isEmpty()) window.files().load_recipe(line.recipe);
    if (!line.state.isEmpty()) window.files().load_state(line.state);
    window.focus_on(line.focus);
    (new Recovery(&window, line.autosave))->offer();
    return QApplication::exec();
}

}  // namespace

int run_explorer(int argc, char** argv) {
    const auto [line, exit_status] = parse_command_line(argc, argv);
    if (exit_status) return *exit_status;
    prepare_environment(line);
    if (display_is_missing()) {
        std::cerr << "error: there is no display to open a window on; set DISPLAY, or draw the window into a file with "
                     "--render OUT.png\n";
        return 1;
    }
    QApplication application(argc, argv);
    std::setlocale(LC_NUMERIC, "C");  // it takes the desktop's, and the canvases would write 0,5 beside the panels' 0.5
    apply_text_size();
    QApplication::setOrganizationName(QStringLiteral("Lacuna"));
    QApplication::setApplicationName(QStringLiteral("Lacuna"));
    QApplication::setApplicationVersion(QStringLiteral(LACUNA_VERSION));
    QApplication::setWindowIcon(app_icon());
    return line.render.isEmpty() ? show_window(line) : render_window(line);
}

}  // namespace lacuna::ui
