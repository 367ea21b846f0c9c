#pragma once

#include <optional>

#include "app/cli/arguments.h"
#include "app/cli/console.h"
#include "engine/base/output_set.h"
#include "engine/formats/staged_export.h"

namespace lacuna::cli {

/// The files that `prune` writes, under the names they have until they take their places. What a killed run of the same
/// command left over is gone on with, as far as it got, where the model is in shards; other left-overs of killed runs
/// are cleared away.
class PruneOutputs {
  public:
    /// Finds out before the work whether every output can be written. Throws Error.
    PruneOutputs(const PruneArguments& arguments, const Checkpoint& checkpoint, const Console& console);

    Format format() const { return format_; }
    const std::filesystem::path& out() const { return out_; }
    // Empty where they were not asked for; the report too where it goes to standard output.
    const std::filesystem::path& masks() const { return masks_; }
    const std::filesystem::path& save_state() const { return save_state_; }
    const std::filesystem::path& report() const { return report_; }
    /// Of finished shards; null for a model in one file.
    ShardJournal* journal() { return journal_ ? &*journal_ : nullptr; }
    bool goes_on() const { return goes_on_; }

    /// After a cancellation: shards that are finished stay, for the same command to go on with.
    void keep_finished();
    void commit() { set_.commit(); }
    Error restated(const Error& error) const { return set_.restated(error); }

  private:
    void look_for_left_over(const ShardJournal::Run& run);
    bool go_on_with(ShardJournal journal, const std::filesystem::path& staging, const ShardJournal::Run& run);

    const PruneArguments& arguments_;
    const Console& console_;
    OutputSet set_;
    Format format_;
    std::filesystem::path target_, out_, masks_, save_state_, report_;
    std::optional<ShardJournal> journal_;
    bool goes_on_ = false;
};

}  // namespace lacuna::cli
