#pragma once

#include <QString>
#include <vector>

#include "engine/formats/formats.h"

namespace lacuna::ui {

/// Formats that an export of `source` can take, its own (or the nearest writable one) first.
std::vector<Format> export_formats(const Checkpoint& source);
/// "safetensors", "PyTorch zip archive", …: as the window says it.
QString format_title(Format format);
/// "safetensors", "pt", …: what a file of that format usually ends in. `source`: an ending of its own kind is kept.
QString format_suffix(Format format, const Checkpoint& source);

}  // namespace lacuna::ui
