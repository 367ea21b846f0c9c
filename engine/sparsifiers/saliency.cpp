#include <array>

#include "engine/sparsifiers/row_sparsifier.h"
#include "engine/sparsifiers/score_option.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

/// Prunes the rows with the lowest sum of magnitudes.
class Saliency final : public RowSparsifier {
  public:
    std::string_view name() const override { return "saliency"; }
    std::string_view title() const override { return "Saliency (rows)"; }
    std::string_view help() const override {
        return "Prunes whole rows, those whose weights' magnitudes add up to least: a linear layer's outputs, a "
               "convolution's filters. `convert --to smaller` then takes them out of the model.";
    }
    std::string_view source() const override { return "torch.ao.pruning.SaliencyPruner"; }
    std::span<const OptionSpec> options() const override {
        static const std::array specs{level_option("Share of the rows that is pruned, rounded down."), score_option()};
        return specs;
    }

    Mask compute(const MaskRequest& request) const override {
        demand_fit(request);
        const Shape& shape = request.weight.shape;
        const Mask* pruned_before = scored_mask(request);
        const std::vector<double> sums = row_magnitudes(request.weight, pruned_before);
        RowFlags pruned(sums.size());
        flag_lowest(sums, 0, sums.size(), rows_truncated(request.options->number(sparsity_level_option), shape[0]),
                    request.ties, pruned);
        if (pruned_before) flag_pruned_rows(*pruned_before, pruned);
        return mask_without_rows(shape, pruned);
    }
};

}  // namespace

const Sparsifier& saliency_sparsifier();
const Sparsifier& saliency_sparsifier() {
    static const Saliency instance;
    return instance;
}

}  // namespace lacuna
