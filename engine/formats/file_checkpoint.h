#pragma once

#include <span>
#include <vector>

#include "engine/formats/byte_writer.h"
#include "engine/formats/mapped_file.h"
#include "engine/formats/pruned_storages.h"
#include "engine/model/checkpoint.h"

namespace lacuna {

/// What the checkpoints of all formats have in common: the mapped files that their storages lie in.
class FileCheckpoint : public Checkpoint {
  public:
    const std::vector<MappedFilePtr>& mapped() const { return mapped_; }

    /// Writes the checkpoint to one file in its own format (`writable_format`), with its storages as `pruned` has them
    /// and everything else as it is.
    virtual void write_own(PrunedStorages& pruned, ByteWriter& out) const = 0;

  protected:
    /// Takes a file in: it counts in files() and file_bytes(), and stays mapped.
    void add_file(MappedFilePtr file);

    std::vector<MappedFilePtr> mapped_;
};

/// Lets go of what was read of these bytes of a checkpoint (MappedFile::release); for passes over whole checkpoints.
void release_bytes(const Checkpoint& checkpoint, std::span<const std::byte> bytes);
/// The same for many, one behind the other: neighbours share pages and are let go of together.
void release_neighbours(const Checkpoint& checkpoint, const std::vector<std::span<const std::byte>>& bytes);
/// The same for a storage.
void release_storage(const Checkpoint& checkpoint, size_t storage);
/// The same for many, in any order.
void release_storages(const Checkpoint& checkpoint, std::vector<size_t> storages);

}  // namespace lacuna
