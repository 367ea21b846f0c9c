#include "ui/shell/recent_files.h"

#include <QDir>
#include <QFileInfo>
#include <QMenu>
#include <QSettings>

namespace lacuna::ui {
namespace {

constexpr int most_files = 10;
const QString key = QStringLiteral("recent/models");

}  // namespace

RecentFiles::RecentFiles(QObject* parent) : QObject(parent) {}

QStringList RecentFiles::paths() const {
    return QSettings().value(key).toStringList();
}

void RecentFiles::add(const QString& path) {
    const QString full = QFileInfo(path).absoluteFilePath();
    QStringList all = paths();
    all.removeAll(full);
    all.prepend(full);
    QSettings().setValue(key, all.mid(0, most_files));
}

void RecentFiles::clear() {
    QSettings().remove(key);
}

void RecentFiles::attach(QMenu* menu) {
    connect(menu, &QMenu::aboutToShow, this, [this, menu] { fill(menu); });
}

void RecentFiles::fill(QMenu* menu) {
    menu->clear();
    const QStringList all = paths();
    for (const QString& path : all) {
        QString text = QDir::toNativeSeparators(path);
        text.replace('&', QStringLiteral("&&"));
        menu->addAction(text, this, [this, path] { Q_EMIT chosen(path); });
    }
    if (all.isEmpty()) menu->addAction(tr("No file was opened yet"))->setEnabled(false);
    menu->addSeparator();
    menu->addAction(tr("Clear this list"), this, &RecentFiles::clear)->setEnabled(!all.isEmpty());
}

}  // namespace lacuna::ui
