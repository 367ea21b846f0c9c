#pragma once

#include <map>
#include <span>
#include <vector>

#include "engine/formats/formats.h"

namespace lacuna {

/// A checkpoint's storages with masks squashed in: what an export writes. A mask on a view prunes the storage that it
/// is a view of, so everything that shares it. One storage at a time is held in memory. Used by one thread.
class PrunedStorages {
  public:
    /// Checks that every mask fits a tensor that can be pruned. Throws Error(argument). Keeps references to both.
    PrunedStorages(const Checkpoint& checkpoint, const MaskSet& masks);

    const Checkpoint& checkpoint() const { return checkpoint_; }
    bool touches(size_t storage) const { return views_.contains(storage); }
    /// The storage's bytes, pruned; where no mask touches it they are the file's own. Valid until the next call.
    std::span<const std::byte> bytes(size_t storage);
    /// Tensor `index` as it will be written; valid until the next call.
    TensorView view(size_t index);
    /// The tensor's elements in row-major order; `scratch` holds them if they do not lie so in the storage.
    std::span<const std::byte> contiguous(size_t index, std::vector<std::byte>& scratch);
    /// The mask given for tensor `index`, or null.
    const Mask* mask(size_t index) const;

  private:
    /// Fills buffer_ piece by piece and lets go of what was copied, so that a storage is in memory once.
    void copy_to_buffer(std::span<const std::byte> bytes);

    const Checkpoint& checkpoint_;
    std::map<size_t, const Mask*> masks_;          // by tensor
    std::map<size_t, std::vector<size_t>> views_;  // masked tensors, by storage
    std::vector<std::byte> buffer_;
    size_t buffered_ = SIZE_MAX;  // the storage in buffer_
};

/// The elements of `view` in row-major order: where they lie, or copied to `scratch`.
std::span<const std::byte> contiguous_bytes(const TensorView& view, std::vector<std::byte>& scratch);

}  // namespace lacuna
