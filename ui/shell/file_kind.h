#pragma once

#include <QObject>
#include <QString>
#include <functional>

namespace lacuna::ui {

/// What a file that was dropped on the window is for.
enum class FileKind { model, data, recipe };

/// Tells by content: a safetensors file with `inputs` and `labels` is data, text that YAML could be is a recipe (but
/// for a sharded model's index), all else is taken for a model, whose reader will say what is wrong with it. Reads
/// headers.
FileKind file_kind(const QString& path);

/// The same off the calling thread; `done` runs on `receiver`'s thread, unless that is gone by then.
void find_file_kind(const QString& path, QObject* receiver, std::function<void(FileKind)> done);

}  // namespace lacuna::ui
