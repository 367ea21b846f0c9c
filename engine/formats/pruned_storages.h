#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/formats/byte_writer.h"
#include "engine/formats/mask_source.h"
#include "engine/formats/tensor_facts.h"

namespace lacuna {

/// A checkpoint's storages with masks squashed in: what an export writes. A mask on a view prunes the storage that it
/// is a view of, so everything that shares it; masks that the file holds for its tensor are written as it is. Masks are
/// asked for when their storages are, a batch of neighbours at a time, and let go of afterwards: again for a saved mask
/// that lies far from its tensor. What was handed out is remembered as facts. Used by one thread.
class PrunedStorages {
  public:
    /// Keeps references to both.
    PrunedStorages(const Checkpoint& checkpoint, MaskSource& masks);

    const Checkpoint& checkpoint() const { return checkpoint_; }
    bool touches(size_t storage) const { return edits_in_.contains(storage); }
    /// Whether tensor `index` has a mask of its own.
    bool has_mask(size_t index) const { return has_mask_[index]; }
    /// Called with every mask when it comes, which may be more than once.
    void on_mask(std::function<void(size_t index, const Mask& mask)> seen) { seen_ = std::move(seen); }

    /// The storage's bytes, pruned; where no mask touches it they are the file's own. Valid until the next call.
    std::span<const std::byte> bytes(size_t storage);
    /// Tensor `index` in row-major order; `scratch` holds it if it does not lie so in its storage.
    std::span<const std::byte> contiguous(size_t index, std::vector<std::byte>& scratch);
    /// Writes the storages' bytes, pruned, one behind the other. Those that one tensor fills go piece by piece, from
    /// all threads, many small ones together; no copy is made of a large one. What was read of the source is let go of.
    void write(std::span<const size_t> storages, ByteWriter& out);
    /// The same for tensors in row-major order.
    void write_tensors(std::span<const size_t> indices, ByteWriter& out);

    /// What tensor `index` was when its storage was handed out; reads it if it was not yet.
    const TensorFacts& facts(size_t index);
    /// Weights that the tensor's mask prunes, once its storage was handed out.
    int64_t pruned(size_t index) const { return pruned_[index]; }
    /// Takes both from elsewhere, for a tensor that an earlier run has written, and forgets them again.
    void set_facts(size_t index, const TensorFacts& facts, int64_t pruned) {
        facts_[index] = facts;
        pruned_[index] = pruned;
    }
    void forget(size_t index) { facts_[index].reset(); }

  private:
    /// What a mask does to a tensor: prunes it, or is written over the mask that the file holds.
    struct Edit {
        size_t tensor = 0, masked = 0;  ///< the tensor that changes, and the one whose mask it is
        bool prunes() const { return tensor == masked; }
    };
    /// A mask at hand, and how many storages it is fetched for.
    struct Fetched {
        MaskPtr mask;
        int uses = 0;
    };

    void add_edit(Edit edit);
    const Mask& mask_for(const Edit& edit) const { return *masks_.at(edit.masked).mask; }
    /// The mask as the file has it, for an edit that does not prune.
    MaskPtr saved_for(const Edit& edit) const;
    /// The masks for a storage, with those for the storages that lie behind it in the file.
    void fetch_masks(size_t storage);
    void drop_masks(size_t storage);
    /// Fills buffer_ with the pruned storage.
    void fill_buffer(size_t storage);
    /// Fills buffer_ piece by piece and lets go of what was copied, so that a storage is in memory once.
    void copy_to_buffer(std::span<const std::byte> bytes);
    /// Counts on the zeros and the masks that were meant, in buffer_. Throws Error.
    void check_edits(size_t storage) const;
    void note_facts(size_t storage, std::span<const std::byte> bytes);
    /// The only tensor of a storage that it fills from end to end in row-major order, if there is one.
    std::optional<size_t> filling(size_t storage) const;
    /// Puts such a tensor behind those that wait to be written; writes them once they are many.
    void add_to_run(size_t index, ByteWriter& out);
    void write_run(ByteWriter& out);

    const Checkpoint& checkpoint_;
    MaskSource& source_;
    std::vector<bool> has_mask_;
    std::unordered_map<size_t, std::vector<Edit>> edits_in_;  // by storage
    std::vector<size_t> touched_;                             // storages, as they lie in memory
    std::unordered_map<size_t, size_t> place_;                // in touched_, by storage
    std::vector<std::vector<size_t>> tensors_in_;             // by storage
    std::unordered_map<size_t, Fetched> masks_;               // at hand, by tensor
    std::unordered_set<size_t> fetched_;                      // storages whose masks are at hand
    std::function<void(size_t, const Mask&)> seen_;
    std::vector<std::optional<TensorFacts>> facts_;
    std::vector<int64_t> pruned_;
    std::vector<size_t> run_;  // tensors that wait to be written
    uint64_t run_bytes_ = 0;
    std::vector<std::byte> buffer_;
    size_t buffered_ = SIZE_MAX;  // the storage in buffer_
};

/// The elements of `view` in row-major order: where they lie, or copied to `scratch`.
std::span<const std::byte> contiguous_bytes(const TensorView& view, std::vector<std::byte>& scratch);

}  // namespace lacuna
