#pragma once

#include <vector>

#include "engine/formats/mapped_file.h"
#include "engine/model/checkpoint.h"

namespace lacuna {

/// What the checkpoints of all formats have in common: the mapped files that their storages lie in.
class FileCheckpoint : public Checkpoint {
  public:
    const std::vector<MappedFilePtr>& mapped() const { return mapped_; }

  protected:
    /// Takes a file in: it counts in files() and file_bytes(), and stays mapped.
    void add_file(MappedFilePtr file);

    std::vector<MappedFilePtr> mapped_;
};

}  // namespace lacuna
