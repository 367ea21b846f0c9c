#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/formats/tensor_facts.h"
#include "engine/model/checkpoint.h"

namespace lacuna {

/// A tensor in a finished shard.
struct JournalTensor {
    std::string name;
    TensorFacts facts;
    bool pruned = false;
    int64_t pruned_weights = 0;
    TensorFacts mask;  ///< of its bytes in the masks file, where there is one
};

struct JournalShard {
    uint64_t bytes = 0;  ///< of the file
    std::vector<JournalTensor> tensors;
};

/// What a run over a checkpoint in shards has finished, kept in a file beside the staged shards, so that the run can go
/// on after it was killed. A line of JSON for each shard, brought to disk once the shard is.
class ShardJournal {
  public:
    static constexpr const char* file_name = ".lacuna-journal";

    /// What a run is about: all that its outputs depend on, by a word for each ("recipe", "model", …), as hashes or
    /// names. `target` and `masks` say where its files shall be and `masks_staged` where the masks are meanwhile.
    struct Run {
        std::filesystem::path target, masks, masks_staged;
        std::map<std::string, std::string> inputs;
    };

    /// The journal in a folder, if it holds one that can be read. A line that was cut off by the kill does not count.
    static std::optional<ShardJournal> read(const std::filesystem::path& folder);
    /// Begins one. Throws Error(file).
    static ShardJournal begin(const std::filesystem::path& folder, Run run);

    const Run& run() const { return run_; }
    /// The inputs that are not the same, in words: "recipe", "model"; empty if this journal is of the same run.
    std::string differences(const Run& run) const;
    const std::map<std::string, JournalShard>& shards() const { return shards_; }
    /// Adds a shard that is on disk. Throws Error(file).
    void finish(const std::string& shard, JournalShard done);

  private:
    ShardJournal(std::filesystem::path file, Run run) : file_(std::move(file)), run_(std::move(run)) {}
    void append(const std::string& line);

    std::filesystem::path file_;
    uint64_t bytes_ = 0;  ///< of whole lines: what a kill cut off is written over
    Run run_;
    std::map<std::string, JournalShard> shards_;
};

/// A word for a checkpoint's files as they are: lengths, times of change and how they begin.
std::string version_of(const Checkpoint& checkpoint);
/// A word for a text.
std::string version_of(std::string_view text);

}  // namespace lacuna
