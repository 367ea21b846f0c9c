#pragma once

#include <functional>
#include <map>

#include "engine/formats/file_checkpoint.h"
#include "engine/formats/torch_tensors.h"
#include "engine/formats/zip_archive.h"

namespace lacuna {

/// A zip archive of PyTorch's: a pickle and the storages that it refers to. TorchScript has code beside them.
class TorchZipCheckpoint : public FileCheckpoint {
  public:
    explicit TorchZipCheckpoint(MappedFilePtr file);

    /// Copies the archive and patches storages and their checksums, so that pickle, code, order and alignment stay as
    /// they are. Where a storage to patch is deflated, all entries are written anew and that one stored.
    void write_own(PrunedStorages& pruned, ByteWriter& out) const override;

  private:
    void read_pickle_and_code();
    void note_constants();
    size_t storage_of(const StorageId& id);
    void write_anew(PrunedStorages& pruned, ByteWriter& out) const;
    std::string where() const { return path_.string(); }

    ZipArchive archive_;
    std::string root_;                      // "archive/", the folder that all records lie in
    std::map<std::string, size_t> by_key_;  // storages
    std::vector<size_t> record_of_;         // by storage: index into the archive's records
};

/// The folder, "archive/", that all records of an archive of torch.save's lie in. `where` names the file in errors.
/// Throws Error(format) for an archive of another kind, of a version that is not read, or of a big-endian machine.
std::string torch_archive_root(ZipArchive& archive, const std::string& where);

/// True for bytes that begin like a zip archive.
bool looks_like_zip(std::span<const std::byte> file);

/// Writes a new archive: the pickle, storages `keys[i]` with the bytes that `bytes_of(i)` gives, and what goes with
/// them.
void write_torch_archive(std::string_view pickle, const std::vector<std::string>& keys,
                         const std::function<std::span<const std::byte>(size_t)>& bytes_of, ByteWriter& out);

/// Writes any checkpoint as a new archive that torch.load(weights_only=True) reads: an OrderedDict of its tensors,
/// which share storages as they do now. Throws Error(argument) for dtypes that PyTorch lacks or that need more than
/// numbers.
void write_as_torch_zip(PrunedStorages& pruned, ByteWriter& out);

}  // namespace lacuna
