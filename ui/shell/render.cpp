#include "ui/shell/render.h"

#include <QApplication>
#include <QBuffer>
#include <QDialog>
#include <QEventLoop>
#include <QPainter>
#include <QPixmap>
#include <iostream>

#include "engine/base/error.h"
#include "engine/base/output_file.h"
#include "ui/canvas/canvas.h"
#include "ui/shell/file_commands.h"
#include "ui/shell/main_window.h"
#include "ui/shell/notice_bar.h"
#include "ui/shell/window_parts.h"

namespace lacuna::ui {
namespace {

/// Runs the event loop until the session is idle and its last snapshot is shown.
void wait_until_idle(MainWindow& window) {
    QEventLoop loop;
    window.bridge().when_idle([&loop] { loop.quit(); });
    loop.exec();
}

/// The first thing that went wrong, as the contract words it; empty if nothing did.
std::string failure(const Snapshot& snapshot, const CommandLine& line) {
    for (const Notice& notice : snapshot.notices)
        if (notice.kind == Notice::Kind::error)
            return notice.detail.empty() ? notice.text : notice.text + "; " + notice.detail;
    if (!line.focus.isEmpty() && !snapshot.model->checkpoint().find(line.focus.toStdString()))
        return "--focus: there is no tensor called " + line.focus.toStdString();
    return {};
}

int fail(const std::string& text) {
    std::cerr << "error: " << text << '\n';
    return 1;
}

/// The window as it is, with canvases that have everything in them, and its dialogs before it.
QPixmap picture_of(MainWindow& window) {
    QApplication::sendPostedEvents(nullptr, QEvent::LayoutRequest);  // of text that has just come
    QPixmap picture = window.grab();
    QPainter painter(&picture);
    for (Canvas* canvas : window.findChildren<Canvas*>())
        if (canvas->isVisible())
            painter.drawImage(canvas->mapTo(&window, QPoint(0, 0)),
                              canvas->render(canvas->size(), picture.devicePixelRatio()));
    for (QDialog* dialog : window.findChildren<QDialog*>()) {
        if (!dialog->isVisible()) continue;
        const QRect place(QPoint(), dialog->size());
        painter.fillRect(window.rect(), QColor(0, 0, 0, 96));
        painter.drawPixmap(window.rect().center() - place.center(), dialog->grab());
    }
    return picture;
}

void write_png(const QPixmap& picture, const QString& path) {
    QByteArray bytes;
    QBuffer buffer(&bytes);
    buffer.open(QIODevice::WriteOnly);
    picture.save(&buffer, "PNG");
    write_file(path.toStdString(), std::string_view(bytes.constData(), size_t(bytes.size())));
}

}  // namespace

int render_window(const CommandLine& line) {
    MainWindow window(false);
    window.choose_theme(line.theme.value_or(ThemeChoice::light));
    window.resize(line.size);
    window.show();
    if (!line.model.isEmpty()) {
        window.files().open_model(line.model);
        wait_until_idle(window);
        if (const auto problem = failure(*window.snapshot(), line); !problem.empty()) return fail(problem);
        if (!line.data.isEmpty()) window.files().open_data(line.data);
        if (!line.recipe.isEmpty()) window.files().load_recipe(line.recipe);
        if (!line.state.isEmpty()) window.files().load_state(line.state);
        window.focus_on(line.focus);
        wait_until_idle(window);
        if (const auto problem = failure(*window.snapshot(), line); !problem.empty()) return fail(problem);
    }
    window.notices().dismiss_all();
    if (!line.show.isEmpty()) show_part(window, line.show);
    QApplication::processEvents();
    wait_until_idle(window);
    try {
        write_png(picture_of(window), line.render);
    } catch (const Error& error) {
        return fail(error.what());
    }
    return 0;
}

}  // namespace lacuna::ui
