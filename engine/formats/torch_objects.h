#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "engine/formats/legacy_file.h"
#include "engine/formats/mapped_file.h"
#include "engine/formats/zip_archive.h"
#include "engine/mask/mask.h"

namespace lacuna {

/// A file that torch.save wrote, seen as the objects it holds instead of as a checkpoint: for the states of sparsifiers
/// and the like, where dicts and numbers count as much as tensors. Nothing in it is executed.
class TorchObjects {
  public:
    /// Takes zip archives and legacy files. Throws Error(file), Error(format).
    explicit TorchObjects(const std::filesystem::path& path);
    TorchObjects(const TorchObjects&) = delete;
    TorchObjects& operator=(const TorchObjects&) = delete;

    const PickleGraph& graph() const { return legacy_.pickle.graph; }
    /// The file's name, for errors.
    const std::string& where() const { return where_; }
    /// The dense tensor that the object is, where it lies; nothing if it is none. Valid as long as this. Throws
    /// Error(format) for one whose storage is missing or too short, and once all that was asked for is much larger than
    /// the file: a few bytes can name a storage again and again.
    std::optional<TensorView> tensor(PickleId id);
    /// A mask that was saved as a dense or as a sparse tensor (COO): zero prunes. Nothing if the object is neither.
    /// Throws Error(format) for a tensor that contradicts itself, and as `tensor` does.
    std::optional<Mask> mask(PickleId id);

  private:
    std::span<const std::byte> storage(std::string_view key);
    std::optional<Mask> sparse_mask(PickleId id);
    void spend(uint64_t bytes);
    [[noreturn]] void damaged(const std::string& what) const;

    std::string where_;
    MappedFilePtr file_;
    std::optional<ZipArchive> archive_;  ///< none in a legacy file
    std::string root_;
    LegacyFile legacy_;       ///< of an archive the pickle alone
    uint64_t asked_for_ = 0;  ///< bytes
};

}  // namespace lacuna
