#include "ui/shell/output_path.h"

#include <QDir>
#include <QFileInfo>
#include <QObject>

#include "ui/shell/text_format.h"

namespace lacuna::ui {

QString beside_source(const Checkpoint& source, const QString& ending) {
    const QFileInfo file(to_qstring(source.path().string()));
    QString stem = file.fileName();
    for (const auto& known : {".safetensors.index.json", ".safetensors", ".pt", ".pth", ".bin", ".ckpt"})
        if (stem.endsWith(QLatin1String(known), Qt::CaseInsensitive)) {
            stem.chop(qsizetype(qstrlen(known)));
            break;
        }
    return file.absolutePath() + '/' + stem + ending;
}

QString output_problem(const QString& path, const Checkpoint& source) {
    if (path.isEmpty()) return QObject::tr("Say which file to write.");
    const QFileInfo target(path);
    if (target.isDir()) return QObject::tr("%1 is a folder; add a file name.").arg(path);
    if (!QFileInfo(target.path()).isDir()) return QObject::tr("The folder %1 does not exist.").arg(target.path());
    for (const auto& file : source.files())
        if (QFileInfo(to_qstring(file.string())) == target)
            return QObject::tr("That is the file that is open; a pruned copy needs another name.");
    return {};
}

QString folder_problem(const QString& path, const Checkpoint& source) {
    if (path.isEmpty()) return QObject::tr("Say which folder to write to.");
    const QFileInfo folder(QDir::cleanPath(path));
    if (folder.exists() && !folder.isDir()) return QObject::tr("%1 is a file; the shards need a folder.").arg(path);
    if (!QFileInfo(folder.path()).isDir()) return QObject::tr("The folder %1 does not exist.").arg(folder.path());
    if (folder == QFileInfo(QFileInfo(to_qstring(source.path().string())).absolutePath()))
        return QObject::tr(
            "The open model's shards are there; their pruned copies keep their names, so they need "
            "another folder.");
    return {};
}

}  // namespace lacuna::ui
