#pragma once

#include <QString>

#include "engine/model/checkpoint.h"

namespace lacuna::ui {

/// The source's path with its ending replaced: "…/resnet" + "-pruned.pt".
QString beside_source(const Checkpoint& source, const QString& ending);
/// Why a path cannot be written to, in words; empty if nothing is known against it.
QString output_problem(const QString& path, const Checkpoint& source);
/// The same for a folder that a checkpoint in shards is to be written to; its last part need not exist.
QString folder_problem(const QString& path, const Checkpoint& source);

}  // namespace lacuna::ui
