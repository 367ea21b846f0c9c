#pragma once

#include <span>
#include <vector>

#include "engine/formats/formats.h"
#include "engine/formats/pruned_storages.h"

namespace lacuna {

/// Compares what was written with what was meant: each tensor's type and shape, and by a second look at the written
/// bytes its hash and its zeros. The source is not read again.
class Proof {
  public:
    /// `shown` names the file in errors.
    Proof(PrunedStorages& meant, std::filesystem::path shown, Progress& progress)
        : meant_(meant), shown_(std::move(shown)), progress_(progress) {}

    /// A whole checkpoint: the same tensors in the same order. Throws Error(file) on a difference.
    void whole(const Checkpoint& written);
    /// A shard: these tensors of the source by name, and maybe others that the source's index passes by.
    void part(const Checkpoint& written, std::span<const size_t> tensors);
    /// What was compared so far, without names of files.
    const ExportProof& result() const { return result_; }

  private:
    /// A tensor of the source and, in the written file, the one that it became.
    struct Pair {
        size_t index, found;
    };
    void compare(const Checkpoint& written, const std::vector<Pair>& pairs);
    /// Looks at the bytes of some; small ones side by side.
    void compare_bytes(const Checkpoint& written, std::span<const Pair> pairs);
    void take(size_t index, const TensorFacts& facts);
    void demand_kind(const Checkpoint& written, Pair pair) const;
    [[noreturn]] void refuse(const std::string& what) const;

    PrunedStorages& meant_;
    std::filesystem::path shown_;
    Progress& progress_;
    ExportProof result_;
};

}  // namespace lacuna
