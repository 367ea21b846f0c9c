#pragma once

#include <functional>

#include "engine/formats/byte_writer.h"
#include "engine/formats/mapped_file.h"
#include "engine/formats/pruned_storages.h"

namespace lacuna {

/// Writes `file` as it is, but with the pruned storages that lie in it replaced. `replaced`, if given, is told of each,
/// which is then in memory as a whole.
void copy_with_pruned(const MappedFile& file, PrunedStorages& pruned, ByteWriter& out,
                      const std::function<void(size_t storage, std::span<const std::byte> bytes)>& replaced = {});

}  // namespace lacuna
