#pragma once

#include "engine/formats/formats.h"
#include "engine/formats/pruned_storages.h"

namespace lacuna {

/// Compares what was written with what was meant: the same tensors in the same order, pruned weights counted zero
/// again in `written`, everything else by hash. `shown` names the file in errors. Throws Error(file) on a difference.
ExportProof prove(PrunedStorages& meant, const Checkpoint& written, const std::filesystem::path& shown,
                  Progress& progress);

}  // namespace lacuna
