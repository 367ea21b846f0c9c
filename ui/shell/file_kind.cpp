#include "ui/shell/file_kind.h"

#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QPointer>
#include <QThreadPool>
#include <algorithm>

#include "engine/base/error.h"
#include "engine/formats/formats.h"
#include "engine/session/sparsifier_state.h"

namespace lacuna::ui {
namespace {

constexpr qint64 head_bytes = 64 * 1024;

bool is_data(const QString& path) {
    try {
        const CheckpointPtr file = open_checkpoint(path.toStdString());
        return file->format() == Format::safetensors && file->find("inputs") &&
               (file->find("labels") || file->tensors().size() == 1);
    } catch (const Error&) {
        return false;  // whoever opens it will say why
    }
}

}  // namespace

FileKind file_kind(const QString& path) {
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly)) return FileKind::model;
    const QByteArray head = file.read(head_bytes);
    const bool text = std::none_of(head.begin(), head.end(), [](char c) { return uchar(c) < 9; });
    if (text && !head.isEmpty()) return head.contains("\"weight_map\"") ? FileKind::model : FileKind::recipe;
    if (is_sparsifier_state(path.toStdString())) return FileKind::state;
    return is_data(path) ? FileKind::data : FileKind::model;
}

QString in_folder(const QString& path) {
    const QDir folder(path);
    if (!QFileInfo(path).isDir()) return path;
    for (const char* pattern : {"*.safetensors.index.json", "*.safetensors", "pytorch_model.bin"})
        if (const QStringList found = folder.entryList({QLatin1String(pattern)}, QDir::Files); found.size() == 1)
            return folder.filePath(found.first());
    return path;
}

void find_file_kind(const QString& path, QObject* receiver, std::function<void(FileKind)> done) {
    QThreadPool::globalInstance()->start([path, guard = QPointer(receiver), done = std::move(done)] {
        const FileKind kind = file_kind(path);
        QMetaObject::invokeMethod(
            qApp,
            [guard, done, kind] {
                if (guard) done(kind);
            },
            Qt::QueuedConnection);
    });
}

}  // namespace lacuna::ui
