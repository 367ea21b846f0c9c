#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/formats/file_checkpoint.h"
#include "engine/formats/mask_source.h"

namespace lacuna {

/// A checkpoint with prepared tensors as it is to be written squashed: those tensors under the names that they have in
/// the plain model (Checkpoint::plain_name), without the masks that the file holds for them; the biases that
/// torch.ao.pruning's structured pruners call "_bias" are "bias" again. Everything else stays. Tensors with other
/// parametrizations than masks (spectral norm) keep their names. It holds the source's mappings and copies nothing.
/// What torch.save wrote is written as a zip archive with the same dicts and values around the tensors; shards become
/// one safetensors file.
class SquashedNames final : public FileCheckpoint {
  public:
    /// Throws Error(argument) for TorchScript, whose code asks for the old names, and where two tensors would have one
    /// name.
    explicit SquashedNames(CheckpointPtr source);

    /// False: no tensor of the source is prepared, so that nothing would change.
    bool any() const { return any_; }
    /// The tensor's index in the source.
    size_t source_of(size_t tensor) const { return source_of_[tensor]; }
    const Checkpoint& source() const { return *source_; }
    /// Throws Error(argument) if the source is a pickle that holds more than dicts, lists, plain values and tensors.
    void write_own(PrunedStorages& pruned, ByteWriter& out) const override;

  private:
    CheckpointPtr source_;
    std::vector<size_t> source_of_;  // by tensor
    bool any_ = false;
};

/// The masks to write it with: the source's, and for prepared tensors that have none there those that the file holds.
class SquashedMasks final : public MaskSource {
  public:
    /// Keeps references to both; `masks` are of the source's tensors.
    SquashedMasks(const SquashedNames& checkpoint, MaskSource& masks);
    const std::vector<size_t>& masked() const override { return masked_; }
    std::vector<MaskPtr> masks(std::span<const size_t> tensors) override;

  private:
    const SquashedNames& checkpoint_;
    MaskSource& source_;
    std::unordered_map<size_t, bool> from_source_;  // by tensor
    std::vector<size_t> masked_;
};

}  // namespace lacuna
