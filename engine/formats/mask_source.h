#pragma once

#include <span>
#include <vector>

#include "engine/formats/formats.h"

namespace lacuna {

/// Where an export takes its masks from: held all along, or computed when their tensors' turn comes, so that a
/// checkpoint of any size can be pruned. Used by one thread.
class MaskSource {
  public:
    virtual ~MaskSource() = default;
    /// The tensors that have a mask, by index into Checkpoint::tensors(), each once.
    virtual const std::vector<size_t>& masked() const = 0;
    /// The masks of some of them, in their order; the same each time. What was read of the checkpoint may stay mapped:
    /// these tensors are written next. May throw Cancelled.
    virtual std::vector<MaskPtr> masks(std::span<const size_t> tensors) = 0;
};

/// Masks that are at hand.
class HeldMasks final : public MaskSource {
  public:
    /// Checks that every mask fits a tensor that can be pruned. Throws Error(argument). Keeps the masks.
    HeldMasks(const Checkpoint& checkpoint, const MaskSet& masks);
    const std::vector<size_t>& masked() const override { return masked_; }
    std::vector<MaskPtr> masks(std::span<const size_t> tensors) override;

  private:
    std::vector<size_t> masked_;
    std::map<size_t, MaskPtr> by_tensor_;
};

}  // namespace lacuna
