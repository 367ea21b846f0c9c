#include <torch/script.h>

#include <cmath>

#include "engine/torch/structured/analysis.h"

// Layers that make new channels of old ones: linear, convolutions, and batch norm, which changes each on its own.

namespace lacuna::structured {
namespace {

/// The values of a layer's constant input channels; 0 elsewhere.
std::vector<double> constants_of(const Flow& flow, int64_t dim) {
    std::vector<double> values(size_t(flow.tensor().size(dim)));
    if (!flow.channels.known() || flow.channels.dim != dim) return values;
    for (size_t i = 0; i < values.size(); ++i)
        if (flow.channels.constant[i]) values[i] = flow.constant_value(i);
    return values;
}

/// A layer's parts. `bias` is -1 where it has none.
struct Layer {
    const Flow* input;
    int64_t weight, bias = -1;
    int64_t dim;                ///< the input's channels
    int64_t in_axis, out_axis;  ///< the weight's
    size_t bias_input = 0;
};

std::optional<Layer> layer_of(Analysis& analysis, Op& op) {
    const Flow *input = op.flow("input"), *weight = op.flow("weight"), *bias = op.flow("bias");
    const bool known = input && weight && bias && input->parameter < 0 && weight->parameter >= 0 &&
                       (bias->parameter >= 0 || bias->value.isNone()) && input->is_tensor() && op.out[0].is_tensor();
    if (!known) return analysis.keep_inputs(op), std::nullopt;
    return Layer{input, weight->parameter, bias->parameter, 0, 1, 0, *op.index("bias")};
}

/// Channels in other dimensions than the layer's own go through it mixed with nothing, but are not followed further.
void keep_other_dimension(Analysis& analysis, const Op& op, const Layer& layer) {
    if (layer.input->channels.known() && layer.input->channels.dim != layer.dim)
        analysis.keep(*layer.input, analysis.reason(op));
    for (const Channels& stacked : layer.input->stacked) analysis.bonds.keep(stacked.ids, analysis.reason(op));
}

/// The layer's outputs: constant where no weight is left.
Channels& make_rows(Analysis& analysis, Op& op, const Layer& layer, int64_t out_dim) {
    Channels& out = op.out[0].channels;
    out.dim = out_dim;
    out.ids = analysis.parameters.rows(layer.weight, layer.out_axis);
    out.constant = empty_slices(analysis.parameters.at(layer.weight).tensor, layer.out_axis);
    if (layer.bias >= 0) analysis.parameters.attach(layer.bias, 0, out.ids);
    return out;
}

/// What of each input channel goes into a linear layer's bias if it leaves: its value, or what a layer norm adds to it.
std::vector<double> taken_in(Analysis& analysis, const Op& op, const Layer& layer) {
    if (layer.input->norm < 0) return constants_of(*layer.input, layer.dim);
    ShortNorm& norm = analysis.norms[size_t(layer.input->norm)];
    norm.uses.push_back({op.node, layer.weight});
    if (norm.bias < 0) return std::vector<double>(norm.ids.size());
    const at::Tensor added = analysis.parameters.at(norm.bias).tensor.detach().to(at::kDouble).contiguous();
    return {added.const_data_ptr<double>(), added.const_data_ptr<double>() + added.numel()};
}

void linear(Analysis& analysis, Op& op) {
    auto layer = layer_of(analysis, op);
    if (!layer) return;
    layer->dim = layer->input->tensor().dim() - 1;
    keep_other_dimension(analysis, op, *layer);
    analysis.parameters.attach(layer->weight, 1, channels_along(*layer->input, layer->dim));
    analysis.fold({layer->weight, layer->bias, 1, taken_in(analysis, op, *layer), -1, {{op.node, layer->bias_input}}});
    analysis.keep_varying(make_rows(analysis, op, *layer, op.out[0].tensor().dim() - 1), "");
}

bool is_padded(const Op& op) {
    const Flow* padding = op.flow("padding");
    if (!padding) return false;
    if (padding->value.isString()) return padding->value.toStringRef() != "valid";
    for (const int64_t amount : padding->value.toIntVector())
        if (amount != 0) return true;
    return false;
}

/// Of constant channels under a zero padding one stays, the largest: it carries the others' part along.
int64_t choose_carrier(Analysis& analysis, const Op& op, const std::vector<double>& values,
                       const std::vector<Channel>& inputs) {
    int64_t carrier = -1;
    for (size_t i = 0; i < values.size(); ++i)
        if (values[i] != 0 && std::isfinite(values[i]) && inputs[i] != fixed &&
            (carrier < 0 || std::abs(values[i]) > std::abs(values[size_t(carrier)])))
            carrier = int64_t(i);
    if (carrier >= 0)
        analysis.bonds.keep(inputs[size_t(carrier)],
                            "one constant channel must stay where " + op.name + " pads with zeros");
    return carrier;
}

/// Each input channel has its own outputs: they leave together.
void depthwise(Analysis& analysis, Op& op, const Layer& layer, bool padded) {
    const std::vector<Channel> inputs = channels_along(*layer.input, layer.dim);
    const std::vector<double> values = constants_of(*layer.input, layer.dim);
    Channels& out = make_rows(analysis, op, layer, layer.dim);
    const size_t each = out.ids.size() / inputs.size();
    const bool followed = layer.input->channels.known() && layer.input->channels.dim == layer.dim;
    for (size_t i = 0; i < out.ids.size(); ++i) {
        const size_t from = i / each;
        const bool constant = followed && layer.input->channels.constant[from] && (!padded || values[from] == 0);
        out.constant[i] = out.constant[i] || constant;
        if (!out.constant[i])
            analysis.bonds.keep(out.ids[i], values[from] == 0 ? "" : op.name + " pads them with zeros");
        analysis.bonds.join(inputs[from], out.ids[i], analysis.reason(op));
    }
    analysis.patches.push_back({op.node, *op.index("groups"), -1, inputs});
}

void convolution(Analysis& analysis, Op& op) {
    auto layer = layer_of(analysis, op);
    if (!layer) return;
    const at::Tensor& weight = analysis.parameters.at(layer->weight).tensor;
    const bool transposed = op.number("transposed", op.name.starts_with("conv_transpose"));
    layer->dim = layer->input->tensor().dim() - (weight.dim() - 2) - 1;
    layer->in_axis = transposed ? 0 : 1;
    layer->out_axis = transposed ? 1 : 0;
    keep_other_dimension(analysis, op, *layer);
    const int64_t groups = op.number("groups", 1), channels = layer->input->tensor().size(layer->dim);
    const std::vector<Channel> inputs = channels_along(*layer->input, layer->dim);
    if (groups > 1 && groups == channels && !transposed && op.in[*op.index("groups")]->sized.empty())
        return depthwise(analysis, op, *layer, is_padded(op));
    if (groups > 1) return analysis.keep_inputs(op);
    analysis.parameters.attach(layer->weight, layer->in_axis, inputs);
    std::vector<double> values = constants_of(*layer->input, layer->dim);
    int64_t carrier = -1;
    if (transposed) {  // borders see fewer of the inputs
        for (size_t i = 0; i < values.size(); ++i)
            if (values[i] != 0) analysis.bonds.keep(inputs[i], analysis.reason(op));
        std::fill(values.begin(), values.end(), 0);
    } else if (is_padded(op)) {
        carrier = choose_carrier(analysis, op, values, inputs);
    }
    analysis.fold({layer->weight, layer->bias, layer->in_axis, values, carrier, {{op.node, layer->bias_input}}});
    analysis.keep_varying(make_rows(analysis, op, *layer, layer->dim), "");
}

void batch_norm(Analysis& analysis, Op& op) {
    const Flow* input = op.flow("input");
    if (op.number("training", 1) != 0 || !input->is_tensor() || input->tensor().dim() < 2)
        return analysis.keep_inputs(op);
    const std::vector<Channel> inputs = channels_along(*input, 1);
    if (input->channels.known() && input->channels.dim != 1) analysis.keep(*input, analysis.reason(op));
    for (const char* name : {"weight", "bias", "running_mean", "running_var"}) {
        const Flow* flow = op.flow(name);
        if (flow->value.isNone()) continue;
        if (flow->parameter < 0) return analysis.keep_inputs(op);
        analysis.parameters.attach(flow->parameter, 0, inputs);
    }
    if (input->channels.known() && input->channels.dim == 1) op.out[0].channels = input->channels;
}

/// torch.nn.PReLU: one slope, or one for each channel of dimension 1.
void prelu(Analysis& analysis, Op& op) {
    const Flow *input = op.in[0], *weight = op.in[1];
    if (!input->is_tensor() || input->parameter >= 0 || weight->parameter < 0) return analysis.keep_inputs(op);
    const bool each = weight->tensor().numel() > 1;
    if (each && input->channels.known() && input->channels.dim != 1) return analysis.keep_inputs(op);
    if (each) analysis.parameters.attach(weight->parameter, 0, channels_along(*input, 1));
    op.out[0].channels = input->channels;
}

}  // namespace

const RuleTable& layer_rules() {
    static const RuleTable table{{"linear", linear},
                                 {"conv1d", convolution},
                                 {"conv2d", convolution},
                                 {"conv3d", convolution},
                                 {"_convolution", convolution},
                                 {"convolution", convolution},
                                 {"conv_transpose1d", convolution},
                                 {"conv_transpose2d", convolution},
                                 {"conv_transpose3d", convolution},
                                 {"batch_norm", batch_norm},
                                 {"prelu", prelu}};
    return table;
}

}  // namespace lacuna::structured
