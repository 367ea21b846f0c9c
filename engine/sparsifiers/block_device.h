#pragma once

#include <optional>

#include "engine/sparsifiers/block_rule.h"

namespace lacuna {

/// Where rules over blocks are computed instead of on the processor, such as a GPU: the same bits, elsewhere.
class BlockDevice {
  public:
    virtual ~BlockDevice() = default;
    /// What prune_tensor gives (engine/sparsifiers/arranged.h); nothing for a dtype or an order of ties that it leaves
    /// to the processor, or without room for the weight. `weight.data` may be in this device's memory. May throw Error.
    virtual std::optional<Mask> prune(const TensorView& weight, const Mask* current, bool squared,
                                      const BlockRule& rule) = 0;
    /// The weight's elements, row-major, in the processor's memory.
    virtual std::vector<std::byte> on_host(const TensorView& weight) = 0;
};

}  // namespace lacuna
