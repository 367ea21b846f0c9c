#include <torch/script.h>

#include "engine/torch/structured/analysis.h"

// LSTM: a unit leaves with its row in all four gates, its column in weight_hh, and its place in both states.

namespace lacuna::structured {
namespace {

constexpr int64_t gates = 4, cell_gate = 2;  // input, forget, cell, output

/// One layer in one direction; indices of parameters.
struct LstmLayer {
    int64_t ih, hh, bias_ih = -1, bias_hh = -1;
};

std::optional<std::vector<LstmLayer>> layers_of(const Flow& weights, bool biases) {
    const size_t each = biases ? 4 : 2;
    if (weights.parts.empty() || weights.parts.size() % each != 0) return std::nullopt;
    for (const Flow& part : weights.parts)
        if (part.parameter < 0) return std::nullopt;
    std::vector<LstmLayer> layers;
    for (size_t i = 0; i < weights.parts.size(); i += each) {
        LstmLayer layer{weights.parts[i].parameter, weights.parts[i + 1].parameter};
        if (biases) {
            layer.bias_ih = weights.parts[i + 2].parameter;
            layer.bias_hh = weights.parts[i + 3].parameter;
        }
        layers.push_back(layer);
    }
    return layers;
}

/// States of zeros made for this LSTM, whose size the graph gives.
bool starts_from_zeros(const Flow& states) {
    if (states.parts.size() != 2) return false;
    for (const Flow& state : states.parts)
        if (!state.zeros || state.tensor().dim() != 3) return false;
    return true;
}

bool all_zero(const at::Tensor& tensor) {
    return !tensor.ne(0).any().item<bool>();
}

/// A unit whose cell gate is always tanh(0) keeps the cell that it began with, 0, and gives 0.
std::vector<uint8_t> silent_units(Parameters& parameters, const LstmLayer& layer, int64_t count) {
    const at::Tensor &ih = parameters.at(layer.ih).tensor, &hh = parameters.at(layer.hh).tensor;
    std::vector<uint8_t> silent(static_cast<size_t>(count));
    for (int64_t unit = 0; unit < count; ++unit) {
        const int64_t row = cell_gate * count + unit;
        bool empty = all_zero(ih[row]) && all_zero(hh[row]);
        if (layer.bias_ih >= 0)
            empty &= all_zero(parameters.at(layer.bias_ih).tensor[row] + parameters.at(layer.bias_hh).tensor[row]);
        silent[size_t(unit)] = empty;
    }
    return silent;
}

/// Attaches a layer's tensors to its ids, which come four times in their rows.
Channels make_units(Analysis& analysis, const LstmLayer& layer, int64_t dim) {
    const int64_t count = analysis.parameters.at(layer.hh).tensor.size(1);
    auto& known = analysis.parameters.at(layer.hh).axes[1];
    if (known.empty())
        for (int64_t i = 0; i < count; ++i) known.push_back(analysis.bonds.add());
    const Channels channels{dim, known, silent_units(analysis.parameters, layer, count)};
    std::vector<Channel> rows;
    for (int64_t gate = 0; gate < gates; ++gate) rows.insert(rows.end(), known.begin(), known.end());
    for (const int64_t parameter : {layer.ih, layer.hh, layer.bias_ih, layer.bias_hh})
        if (parameter >= 0) analysis.parameters.attach(parameter, 0, rows);
    for (const int64_t weight : {layer.ih, layer.hh}) analysis.parameters.at(weight).row_axis = 0;
    analysis.keep_varying(channels,
                          "an LSTM unit gives 0, and may leave, only without weights and bias in its cell gate");
    return channels;
}

Channels joined(const std::vector<Channels>& layers, size_t begin, size_t count, int64_t dim) {
    Channels all{dim, {}, {}};
    for (size_t i = begin; i < begin + count; ++i) {
        all.ids.insert(all.ids.end(), layers[i].ids.begin(), layers[i].ids.end());
        all.constant.insert(all.constant.end(), layers[i].constant.begin(), layers[i].constant.end());
    }
    return all;
}

/// The first layer's constant inputs go into its bias.
void fold_input(Analysis& analysis, Op& op, const Flow& input, const LstmLayer& layer) {
    const int64_t dim = input.tensor().dim() - 1;
    std::vector<double> values(size_t(input.tensor().size(dim)));
    if (input.channels.known() && input.channels.dim == dim)
        for (size_t i = 0; i < values.size(); ++i)
            if (input.channels.constant[i]) values[i] = input.constant_value(i);
    for (size_t i = 0; layer.bias_ih < 0 && i < values.size(); ++i)
        if (values[i] != 0) analysis.bonds.keep(input.channels.ids[i], "an LSTM without biases cannot take them in");
    analysis.parameters.attach(layer.ih, 1, channels_along(input, dim));
    analysis.fold({layer.ih,
                   layer.bias_ih,
                   1,
                   layer.bias_ih < 0 ? std::vector<double>(values.size()) : values,
                   -1,
                   {{op.node, 0}}});
}

void lstm(Analysis& analysis, Op& op) {
    const Flow *input = op.flow("input"), *states = op.flow("hx"), *weights = op.flow("params");
    const bool biases = op.number("has_biases", 0) != 0;
    const auto layers = weights ? layers_of(*weights, biases) : std::nullopt;
    if (!layers || !input || input->parameter >= 0 || op.number("train", 1) != 0 || !starts_from_zeros(*states))
        return analysis.keep_inputs(op);
    for (const LstmLayer& layer : *layers)  // a projection changes what a unit gives
        if (analysis.parameters.at(layer.hh).tensor.size(0) != gates * analysis.parameters.at(layer.hh).tensor.size(1))
            return analysis.keep_inputs(op);
    const size_t directions = op.number("bidirectional", 0) ? 2 : 1;
    const int64_t last = input->tensor().dim() - 1;
    if (input->channels.known() && input->channels.dim != last) analysis.keep(*input, analysis.reason(op));

    std::vector<Channels> made;
    for (size_t i = 0; i < layers->size(); ++i) {
        made.push_back(make_units(analysis, (*layers)[i], last));
        if (i < directions) {
            fold_input(analysis, op, *input, (*layers)[i]);
            continue;
        }
        const Channels below = joined(made, (i / directions - 1) * directions, directions, last);
        analysis.parameters.attach((*layers)[i].ih, 1, below.ids);
    }
    std::vector<std::vector<Channel>> counts;
    for (const Channels& layer : made) counts.push_back(layer.ids);
    analysis.equal_counts.push_back(counts);
    for (const Flow& state : states->parts) analysis.patches.push_back({state.zeros, 0, 2, made[0].ids});
    op.out[0].channels = joined(made, made.size() - directions, directions, last);
    for (const size_t state : {1, 2}) {
        for (Channels& layer : made) layer.dim = op.out[state].tensor().dim() - 2;
        op.out[state].stacked = made;
    }
}

}  // namespace

const RuleTable& recurrent_rules() {
    static const RuleTable table{{"lstm", lstm}};
    return table;
}

}  // namespace lacuna::structured
