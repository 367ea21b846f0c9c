#pragma once

#include "engine/sparsifiers/block_rule.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// What the sparsifiers with a sparsity level and blocks have in common: their options and what those must meet.
class BlockSparsifier : public Sparsifier {
  public:
    std::string why_not(const Shape& shape, DType dtype) const override;
    void check(const Options& options, const Shape* shape) const override;
    /// Left-out `zeros_per_block` is the whole block.
    Options complete(const Options& given) const override;

  protected:
    static OptionSpec level_option();
    static OptionSpec block_option();
    static OptionSpec zeros_option();
    /// Throws Error(argument) for a tensor that cannot be pruned or options that do not fit it.
    void demand_fit(const MaskRequest& request) const;
    /// What the options say to prune.
    static BlockRule rule_of(const MaskRequest& request);
};

}  // namespace lacuna
