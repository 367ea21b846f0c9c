#include "ui/shell/recovery.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>
#include <QLocale>
#include <QStandardPaths>
#include <QUuid>
#include <utility>

#include "engine/base/error.h"
#include "engine/session/session_file.h"
#include "ui/shell/file_commands.h"
#include "ui/shell/layers_panel.h"
#include "ui/shell/main_window.h"
#include "ui/shell/notice_bar.h"
#include "ui/shell/question_dialog.h"
#include "ui/shell/text_format.h"

namespace lacuna::ui {
namespace {

const QString ending = QStringLiteral(".lacuna");

/// "14:32", with the day before it unless that is today.
QString when(const QDateTime& time) {
    const QLocale locale;
    const QString clock = time.toString(QStringLiteral("HH:mm"));
    if (time.date() == QDate::currentDate()) return clock;
    return locale.toString(time.date(), QLocale::ShortFormat) + ' ' + clock;
}

/// "Restore 2 steps on net.pt from 14:32?"; empty for a copy that cannot be read.
QString question_about(const QString& path) {
    try {
        const SessionReader reader(path.toStdString());
        return QObject::tr("Restore %1 on %2 from %3?")
            .arg(to_qstring(reader.facts().unsaved), to_qstring(reader.model().filename().string()),
                 when(QFileInfo(path).lastModified()));
    } catch (const Error&) {
        return {};
    }
}

}  // namespace

Recovery::Recovery(MainWindow* window, int seconds, const QString& folder)
    : QObject(window), window_(window), folder_(folder), seconds_(seconds) {
    if (seconds_ == 0) return;
    QDir().mkpath(folder_);
    own_.path = folder_ + '/' + QUuid::createUuid().toString(QUuid::WithoutBraces) + ending;
    own_.lock = locked(own_.path);
    if (!own_.lock) {
        window_->notices().add({Notice::Kind::warning, "What is not saved would not survive a crash",
                                folder_.toStdString() + " cannot be written to"});
        return;
    }
    timer_.setSingleShot(true);
    timer_.setInterval(seconds_ * 1000);
    connect(&timer_, &QTimer::timeout, this, &Recovery::keep);
    connect(&window_->bridge(), &SessionBridge::snapshot_changed, this, &Recovery::follow);
    connect(qApp, &QCoreApplication::aboutToQuit, this, [this] { leaving_ = true; });
}

/// The session, which could write the copy once more, is gone by now.
Recovery::~Recovery() {
    if (leaving_) QFile::remove(own_.path);
}

QString Recovery::default_folder() {
    return QStandardPaths::writableLocation(QStandardPaths::AppLocalDataLocation) + QStringLiteral("/unsaved");
}

/// Null where another window has it.
std::unique_ptr<QLockFile> Recovery::locked(const QString& path) {
    auto lock = std::make_unique<QLockFile>(path + QStringLiteral(".lock"));
    lock->setStaleLockTime(0);  // only a program that has ended gives its lock up
    return lock->tryLock(0) ? std::move(lock) : nullptr;
}

Recovery::Copy Recovery::newest_left() const {
    for (const QString& name : QDir(folder_).entryList({'*' + ending}, QDir::Files, QDir::Time)) {
        const QString path = folder_ + '/' + name;
        if (path == own_.path || question_about(path).isEmpty()) continue;
        if (auto lock = locked(path)) return {path, std::move(lock)};
    }
    return {};
}

/// Locks that windows left which had no copy go.
void Recovery::sweep() const {
    const QString suffix = QStringLiteral(".lock");
    for (QString name : QDir(folder_).entryList({'*' + ending + suffix}, QDir::Files)) {
        name.chop(suffix.size());
        if (const QString path = folder_ + '/' + name; path != own_.path && !QFile::exists(path)) locked(path);
    }
}

void Recovery::offer() {
    if (!own_.lock) return;
    sweep();
    if (Copy left = newest_left(); left.lock) ask(std::move(left));
}

void Recovery::ask(Copy left) {
    const auto copy = std::make_shared<Copy>(std::move(left));
    const auto restore_it = [this, copy] { restore(std::move(*copy)); };
    const auto discard = [this, copy] {
        QFile::remove(copy->path);
        copy->lock.reset();
        offer();
    };
    auto* dialog =
        new QuestionDialog(tr("Unsaved work"), question_about(copy->path),
                           tr("Lacuna ended before this was saved. Discard deletes it; Not now keeps it for "
                              "the next start."),
                           {{tr("&Restore"), restore_it}, {tr("&Discard"), discard}, {tr("Not now"), {}}}, window_);
    dialog->open();
}

void Recovery::restore(Copy left) {
    window_->files().sessions().when_safe(tr("restoring"), [this, copy = std::make_shared<Copy>(std::move(left))] {
        offered_ = std::move(*copy);
        window_->bridge().session().open_session({offered_.path.toStdString(), {}, true});
    });
}

void Recovery::follow(const SnapshotPtr& snapshot) {
    Session& session = window_->bridge().session();
    if (offered_.lock && snapshot->recovered_from == offered_.path.toStdString()) {
        session.drop_copy(own_.path.toStdString());
        own_ = std::move(offered_);
        kept_edits_ = snapshot->edits;
    }
    if (!snapshot->modified) {
        timer_.stop();
        if (std::exchange(kept_edits_, 0) > 0) session.drop_copy(own_.path.toStdString());
    } else if (snapshot->edits != kept_edits_ && !timer_.isActive()) {
        timer_.start();
    }
}

void Recovery::keep() {
    kept_edits_ = window_->bridge().session().snapshot()->edits;
    window_->bridge().session().keep_copy(own_.path.toStdString(), window_->layers().selected());
}

}  // namespace lacuna::ui
