#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/progress.h"
#include "engine/formats/byte_writer.h"
#include "engine/formats/tensor_facts.h"
#include "engine/mask/mask.h"

namespace lacuna {

/// A masks file that is filled mask by mask, in any order, so that none has to be held: safetensors, a U8 tensor of 0/1
/// for each under its FQN.
class MasksFile {
  public:
    /// Lays out a file for masks of these names and shapes and opens `path`; errors speak of `target`. `go_on`: what
    /// was put into an earlier file of the same layout stays there.
    MasksFile(const std::map<std::string, Shape, std::less<>>& masks, const std::filesystem::path& path,
              const std::filesystem::path& target, Progress& progress, bool go_on = false);

    /// Writes one of the masks. Gives the facts of its bytes; their zeros are the weights that it prunes.
    TensorFacts put(std::string_view name, const Mask& mask);
    /// The facts of what is in the file for a mask that was put by an earlier run.
    TensorFacts read_back(std::string_view name) const;
    /// Brings what was put so far to disk.
    void sync() { writer_->sync(); }
    /// Closes the file; every mask was put.
    void close() { writer_->close(); }
    uint64_t bytes() const { return bytes_; }

  private:
    struct Place {
        uint64_t begin = 0;
        int64_t weights = 0;
    };
    std::filesystem::path path_;
    std::map<std::string, Place, std::less<>> places_;
    std::unique_ptr<ByteWriter> writer_;
    uint64_t bytes_ = 0;
};

}  // namespace lacuna
