#include <algorithm>
#include <array>

#include "engine/sparsifiers/arranged.h"
#include "engine/sparsifiers/block_sparsifier.h"

namespace lacuna {
namespace {

/// The view without its dimensions of size 1, where at most two are left: upstream squeezes before it looks for blocks.
TensorView squeezed(const TensorView& weight) {
    TensorView view{weight.data, weight.dtype, {}, {}};
    for (size_t i = 0; i < weight.shape.size(); ++i) {
        if (weight.shape[i] == 1) continue;
        view.shape.push_back(weight.shape[i]);
        view.strides.push_back(weight.strides[i]);
    }
    return view.shape.size() <= 2 ? view : weight;
}

Mask reshaped(const Mask& mask, const Shape& shape) {
    if (mask.shape() == shape) return mask;
    Mask result = Mask::zeros(shape);
    std::copy(mask.words().begin(), mask.words().end(), result.words().begin());
    return result;
}

/// Weight norm's sibling for data: scores always come from the original values, so pruned ones may revive
/// (docs/parity.md, data norm).
class DataNorm final : public BlockSparsifier {
  public:
    std::string_view name() const override { return "data_norm"; }
    std::string_view title() const override { return "Data norm"; }
    std::string_view help() const override {
        return "Prunes the blocks of values with the lowest mean norm, scored anew from the original values at every "
               "step. With fewer zeros than a block has values it prunes the lowest values of those blocks.";
    }
    std::string_view source() const override { return "torch.ao.pruning.DataNormSparsifier"; }
    std::span<const OptionSpec> options() const override;

    Mask compute(const MaskRequest& request) const override {
        demand_fit(request);
        BlockRule rule = rule_of(request);
        rule.aten_order = AtenOrder::sort;
        rule.spare_one = false;
        const bool squared = request.options->choice("norm") == "L2";
        return reshaped(prune_tensor(squeezed(request.weight), nullptr, squared, rule, request.device),
                        request.weight.shape);
    }
    bool uses_device() const override { return true; }
};

std::span<const OptionSpec> DataNorm::options() const {
    static const std::array specs{
        level_option(),
        block_option(),
        zeros_option(),
        OptionSpec{.name = "norm",
                   .type = OptionType::choice,
                   .help = "L1 scores a value by its magnitude, L2 by its square.",
                   .default_value = std::string("L1"),
                   .choices = {"L1", "L2"}},
    };
    return specs;
}

}  // namespace

const Sparsifier& data_norm_sparsifier();
const Sparsifier& data_norm_sparsifier() {
    static const DataNorm instance;
    return instance;
}

}  // namespace lacuna
