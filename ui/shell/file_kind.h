#pragma once

#include <QObject>
#include <QString>
#include <functional>

namespace lacuna::ui {

/// What a file that was dropped on the window is for.
enum class FileKind { model, data, recipe, state };

/// Tells by content: a safetensors file with `inputs` and `labels` is data, text that YAML could be is a recipe (but
/// for a sharded model's index), a sparsifier's state_dict() is a state, all else is taken for a model, whose reader
/// will say what is wrong with it. Reads headers.
FileKind file_kind(const QString& path);

/// The one model that a dropped folder holds, its shards' index where there is one; other paths as they are.
QString in_folder(const QString& path);

/// The kind off the calling thread; `done` runs on `receiver`'s thread, unless that is gone by then.
void find_file_kind(const QString& path, QObject* receiver, std::function<void(FileKind)> done);

}  // namespace lacuna::ui
