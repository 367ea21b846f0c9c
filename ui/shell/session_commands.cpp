#include "ui/shell/session_commands.h"

#include <QCoreApplication>
#include <QFileDialog>
#include <QFileInfo>

#include "engine/session/unsaved.h"
#include "ui/shell/output_path.h"
#include "ui/shell/question_dialog.h"
#include "ui/shell/text_format.h"

namespace lacuna::ui {
namespace {

const char* const session_filter = "Sessions (*.lacuna);;All files (*)";

QString file_name(const std::filesystem::path& path) {
    return to_qstring(path.filename().string());
}

}  // namespace

SessionCommands::SessionCommands(Session& session, QWidget* window) : session_(session), window_(window) {}

bool SessionCommands::is_saved() const {
    return unsaved_work(*session_.snapshot()).empty();
}

void SessionCommands::when_safe(const QString& before, std::function<void()> then) {
    const SnapshotPtr snapshot = session_.snapshot();
    const UnsavedWork work = unsaved_work(*snapshot);
    if (work.empty()) return then();
    const QString name = file_name(snapshot->model->checkpoint().path());
    ask(new QuestionDialog(
        tr("Unsaved work"), tr("Save the session before %1?").arg(before),
        tr("Not saved yet on %1: %2.").arg(name, to_qstring(in_words(work))),
        {{tr("&Save session"), [this, then] { save(then); }}, {tr("&Discard"), then}, {tr("Cancel"), {}}}, window_));
}

void SessionCommands::ask(QuestionDialog* question) {
    if (question_) question_->reject();
    question_ = question;
    question_->open();
}

QuestionDialog* SessionCommands::question() const {
    return question_ && question_->isVisible() ? question_.data() : nullptr;
}

void SessionCommands::save(std::function<void()> then) {
    const SnapshotPtr snapshot = session_.snapshot();
    if (!snapshot->model) return;
    if (snapshot->session_file.empty()) return save_as(std::move(then));
    save_to(to_qstring(snapshot->session_file.string()), std::move(then));
}

void SessionCommands::save_as(std::function<void()> then) {
    const SnapshotPtr snapshot = session_.snapshot();
    if (!snapshot->model) return;
    const QString proposed = snapshot->session_file.empty()
                                 ? beside_source(snapshot->model->checkpoint(), QStringLiteral(".lacuna"))
                                 : to_qstring(snapshot->session_file.string());
    QString path = QFileDialog::getSaveFileName(window_, tr("Save session"), proposed, QLatin1String(session_filter));
    if (path.isEmpty()) return;
    if (QFileInfo(path).suffix().isEmpty()) path += QStringLiteral(".lacuna");
    save_to(path, std::move(then));
}

void SessionCommands::save_to(const QString& path, std::function<void()> then) {
    const auto done = [guard = QPointer(this), then = std::move(then)](bool saved) {
        if (!saved || !then) return;
        const auto go_on = [guard, then] {
            if (guard) then();
        };
        QMetaObject::invokeMethod(qApp, go_on, Qt::QueuedConnection);
    };
    session_.save_session(path.toStdString(), selection_ ? selection_() : std::vector<size_t>(), done);
}

void SessionCommands::show_missing(const Snapshot& snapshot) {
    if (snapshot.missing_model == shown_missing_) return;
    shown_missing_ = snapshot.missing_model;
    if (!shown_missing_) return;
    const auto find = [this, missing = shown_missing_] {
        const QString model = QFileDialog::getOpenFileName(window_, tr("Where is %1?").arg(file_name(missing->model)));
        if (!model.isEmpty()) open_with(*missing, model);
    };
    ask(new QuestionDialog(tr("The model has moved"),
                           tr("Where is %1, which %2 is a session of?")
                               .arg(file_name(shown_missing_->model), file_name(shown_missing_->order.file)),
                           tr("It was at %1.").arg(to_qstring(shown_missing_->model.string())),
                           {{tr("&Show where it is…"), find}, {tr("Cancel"), {}}}, window_));
}

void SessionCommands::open_with(const MissingModel& missing, const QString& model) {
    SessionOrder order = missing.order;
    order.model = model.toStdString();
    session_.open_session(std::move(order));
}

}  // namespace lacuna::ui
