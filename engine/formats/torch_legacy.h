#pragma once

#include "engine/formats/file_checkpoint.h"

namespace lacuna {

/// What torch.save wrote before PyTorch 1.6 (legacy_file.h).
class LegacyCheckpoint : public FileCheckpoint {
  public:
    explicit LegacyCheckpoint(MappedFilePtr file);

    /// Writes a zip archive around the same pickle, whose persistent ids alone are brought into their newer form.
    void write_own(PrunedStorages& pruned, ByteWriter& out) const override;

  private:
    /// A record of the archive to be written: a storage, or a part of one that goes by a key of its own.
    struct Record {
        size_t storage = 0;
        uint64_t offset = 0, bytes = 0;
    };

    std::string where() const { return path_.string(); }

    std::string_view pickle_;  // in the mapping
    std::vector<std::string> keys_;
    std::vector<Record> records_;
};

/// True for bytes that begin like a pickle.
bool looks_like_pickle(std::string_view file);

}  // namespace lacuna
