#include <array>
#include <map>
#include <set>

#include "engine/base/error.h"
#include "engine/sparsifiers/row_sparsifier.h"
#include "engine/sparsifiers/score_option.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

constexpr size_t gates = 4;  // input, forget, cell, output, packed one below the other

/// "lstm.weight_ih_l0" and "lstm.weight_hh_l0" → the same key: both feed the gates of one layer.
std::string layer_key(std::string_view name) {
    std::string key(name);
    for (const char* part : {"weight_ih", "weight_hh"})
        if (const size_t at = key.rfind(part); at != key.npos) return key.replace(at, 9, "weight");
    return key;
}

/// Prunes units of an LSTM: the same unit in all four gates.
class LstmSaliency final : public RowSparsifier {
  public:
    std::string_view name() const override { return "lstm_saliency"; }
    std::string_view title() const override { return "LSTM saliency (units)"; }
    std::string_view help() const override {
        return "Prunes units of an LSTM, those whose weights' magnitudes add up to least. weight_ih and weight_hh pack "
               "four gates; a unit goes in all of them.";
    }
    std::string_view source() const override { return "torch.ao.pruning.LSTMSaliencyPruner"; }
    std::span<const OptionSpec> options() const override {
        static const std::array specs{
            level_option("Share of the units that is pruned, rounded down."),
            OptionSpec{.name = "units",
                       .type = OptionType::choice,
                       .help = "together: one set of units for all gates of a layer, so that they can be taken out; "
                               "apart: each gate of each tensor chooses its own, as torch.ao.pruning does.",
                       .default_value = std::string("together"),
                       .choices = {"together", "apart"}},
            score_option()};
        return specs;
    }

    std::string why_not(const Shape& shape, DType dtype) const override {
        if (auto reason = RowSparsifier::why_not(shape, dtype); !reason.empty()) return reason;
        if (size_t(shape[0]) % gates == 0) return {};
        return "lstm_saliency needs rows for four gates, not the " + std::to_string(shape[0]) + " of " +
               to_string(shape);
    }

    /// PyTorch's names of an LSTM's weights; a GRU's and an RNN's weight_hh has fewer than four rows for each column.
    std::vector<bool> meant_by_glob(std::span<const NamedShape> matched) const override {
        std::set<std::string> others;
        const auto begins = [](const NamedShape& tensor, const char* word) {
            return tensor.name.substr(tensor.name.rfind('.') + 1).starts_with(word);
        };
        for (const NamedShape& tensor : matched)
            if (begins(tensor, "weight_hh") && tensor.shape[0] < int64_t(gates) * tensor.shape[1])
                others.insert(layer_key(tensor.name));
        std::vector<bool> meant;
        for (const NamedShape& tensor : matched)
            meant.push_back((begins(tensor, "weight_ih") || begins(tensor, "weight_hh")) &&
                            !others.contains(layer_key(tensor.name)));
        return meant;
    }

    bool spans_tensors() const override { return true; }

    Mask compute(const MaskRequest& request) const override { return std::move(compute_all({&request, 1}).front()); }

    std::vector<Mask> compute_all(std::span<const MaskRequest> unit) const override {
        std::vector<std::vector<double>> sums;
        for (const MaskRequest& request : unit) {
            demand_fit(request);
            sums.push_back(row_magnitudes(request.weight, scored_mask(request)));
        }
        const bool together = !unit.empty() && unit.front().options->choice("units") == "together";
        const auto shared = together ? unit_scores(unit, sums) : std::map<std::string, std::vector<double>>();
        std::vector<Mask> masks;
        for (size_t i = 0; i < unit.size(); ++i) {
            RowFlags pruned(sums[i].size());
            for (size_t gate = 0; gate < gates; ++gate)
                flag_gate(unit[i], together ? shared.at(layer_key(unit[i].name)) : sums[i], together, gate, pruned);
            if (const Mask* before = scored_mask(unit[i])) flag_pruned_rows(*before, pruned);
            masks.push_back(mask_without_rows(unit[i].weight.shape, pruned));
        }
        return masks;
    }

  private:
    /// A layer's units over all gates of its tensors.
    static std::map<std::string, std::vector<double>> unit_scores(std::span<const MaskRequest> unit,
                                                                  const std::vector<std::vector<double>>& sums) {
        std::map<std::string, std::vector<double>> scores;
        for (size_t i = 0; i < unit.size(); ++i) {
            const size_t units = sums[i].size() / gates;
            auto& layer = scores.try_emplace(layer_key(unit[i].name), units).first->second;
            if (layer.size() != units)
                throw Error(
                    ErrorKind::argument, std::string(unit[i].name),
                    "has " + std::to_string(units) + " units, the layer's other tensor " + std::to_string(layer.size()),
                    "prune it on its own");
            for (size_t row = 0; row < sums[i].size(); ++row) layer[row % units] += sums[i][row];
        }
        return scores;
    }

    /// `scores`: of the layer's units, or of all rows of this tensor.
    static void flag_gate(const MaskRequest& request, const std::vector<double>& scores, bool together, size_t gate,
                          RowFlags& pruned) {
        const size_t units = pruned.size() / gates, first = together ? 0 : gate * units;
        const int64_t count = rows_truncated(request.options->number(sparsity_level_option), int64_t(units));
        RowFlags lowest(scores.size());
        flag_lowest(scores, first, first + units, count, request.ties, lowest);
        for (size_t i = 0; i < units; ++i) pruned[gate * units + i] |= lowest[first + i];
    }
};

}  // namespace

const Sparsifier& lstm_saliency_sparsifier();
const Sparsifier& lstm_saliency_sparsifier() {
    static const LstmSaliency instance;
    return instance;
}

}  // namespace lacuna
