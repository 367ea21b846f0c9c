#include <array>

#include "engine/sparsifiers/arranged.h"
#include "engine/sparsifiers/block_sparsifier.h"
#include "engine/sparsifiers/level_curve.h"
#include "engine/sparsifiers/score_option.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

/// Prunes the blocks with the lowest norm, or the lowest weights inside them (docs/parity.md, weight norm).
class WeightNorm final : public BlockSparsifier {
  public:
    std::string_view name() const override { return "weight_norm"; }
    std::string_view title() const override { return "Weight norm"; }
    std::string_view help() const override {
        return "Prunes the blocks of weights with the lowest mean norm. With fewer zeros than a block has weights it "
               "prunes the lowest weights of those blocks: N:M patterns.";
    }
    std::string_view source() const override { return "torch.ao.pruning.WeightNormSparsifier"; }
    std::span<const OptionSpec> options() const override;

    std::string remark(const Options& options, const Shape& shape) const override {
        const BlockShape block = block_of(options);
        if (block.rows != 1 || options.number(sparsity_level_option) < 1) return {};
        return short_group_remark(shape, block.columns, options.integer("zeros_per_block"));
    }

    Mask compute(const MaskRequest& request) const override {
        demand_fit(request);
        const Options& options = *request.options;
        const BlockRule rule = rule_of(request);
        return prune_tensor(request.weight, scored_mask(request), options.choice("norm") == "2", rule, request.device);
    }
    bool uses_device() const override { return true; }

    std::optional<ThresholdCurve> thresholds(const MaskRequest& request) const override {
        if (!why_not(request.weight.shape, request.weight.dtype).empty()) return std::nullopt;
        const Options& options = *request.options;
        const BlockShape block = block_of(options);
        const bool squared = options.choice("norm") == "2";
        const bool inside = options.integer("zeros_per_block") < block.rows * block.columns;
        const Arranged arranged(request.weight, scored_mask(request), block.rows == 1 && inside);
        const Scores scores = arranged.scores(squared);
        const BlockShape fits = fitted(block, arranged.matrix());
        return request.weight.dtype == DType::F64
                   ? level_curve<kernels::Key64>(scores, arranged.matrix(), fits, squared)
                   : level_curve<kernels::Key32>(scores, arranged.matrix(), fits, squared);
    }
};

std::span<const OptionSpec> WeightNorm::options() const {
    static const std::array specs{
        level_option(),
        block_option(),
        zeros_option(),
        OptionSpec{.name = "norm",
                   .type = OptionType::choice,
                   .help = "1 scores a weight by its magnitude, 2 by its square.",
                   .default_value = std::string("2"),
                   .choices = {"1", "2"}},
        score_option(),
    };
    return specs;
}

}  // namespace

const Sparsifier& weight_norm_sparsifier();
const Sparsifier& weight_norm_sparsifier() {
    static const WeightNorm instance;
    return instance;
}

}  // namespace lacuna
