#include <torch/script.h>

#include "engine/torch/structured/analysis.h"

// Operators that work on every element alone: a constant channel stays constant.

namespace lacuna::structured {
namespace {

/// The first input's elements, each alone; of what else is given, nothing but types.
void elementwise(Analysis& analysis, Op& op) {
    const Flow& input = *op.in[0];
    if (!input.is_tensor() || input.parameter >= 0 || !op.out[0].is_tensor() ||
        op.out[0].tensor().sizes() != input.tensor().sizes())
        return analysis.keep_inputs(op);
    op.out[0].channels = input.channels;
    op.out[0].stacked = input.stacked;
}

void unary(Analysis& analysis, Op& op) {
    for (size_t i = 1; i < op.in.size(); ++i)
        if (op.in[i]->is_tensor()) return analysis.keep_inputs(op);
    elementwise(analysis, op);
}

/// Dropout and its kin, which do nothing in eval mode.
void eval_only(Analysis& analysis, Op& op) {
    if (op.number("train", op.number("training", 1)) != 0) return analysis.keep_inputs(op);
    unary(analysis, op);
}

/// One side of an operator on two tensors, seen from the result's channels.
struct Side {
    const Flow* flow;
    int64_t dim;  ///< of this side's own dimensions, the one that meets the result's channels; negative: none

    bool spans() const { return dim >= 0 && flow->tensor().size(dim) > 1; }
    bool tracked() const { return flow->channels.known() && flow->channels.dim == dim; }
    bool one_value() const { return !flow->is_tensor() || flow->tensor().numel() == 1; }
};

/// Whether the side is a number, or a tensor that does not depend on the model's input.
bool is_settled(const Flow& flow) {
    return (!flow.is_tensor() && !flow.varies) || flow.parameter >= 0;
}

bool is_zero(const Op& op, const Side& side, size_t channel, bool first) {
    if (!side.tracked() || !side.flow->channels.constant[channel]) return false;
    if (!first || !op.before.defined()) return side.flow->constant_value(channel) == 0;
    return op.before.select(side.dim, int64_t(channel)).ne(0).any().item<bool>() == false;
}

/// Every element of a parameter that meets this channel is the same.
bool settled_constant(const Side& side, size_t channel) {
    if (!is_settled(*side.flow)) return false;
    if (side.one_value()) return true;
    if (!side.spans()) return false;
    const at::Tensor slice = side.flow->tensor().select(side.dim, int64_t(channel));
    return slice.numel() > 0 && slice.eq(slice.reshape({-1})[0]).all().item<bool>();
}

bool stays_constant(const Op& op, const Side& a, const Side& b, size_t channel) {
    const auto constant = [&](const Side& side) {
        return (side.tracked() && side.flow->channels.constant[channel]) || settled_constant(side, channel);
    };
    if (constant(a) && constant(b)) return true;
    if (op.name == "mul" && (is_zero(op, a, channel, true) || is_zero(op, b, channel, false))) return true;
    return op.name == "div" && is_zero(op, a, channel, true);
}

/// add, mul, …: a channel leaves both sides or none.
void binary(Analysis& analysis, Op& op) {
    const Flow &first = *op.in[0], &second = *op.in[1];
    const Flow& tracked = first.channels.known() ? first : second;
    if (!op.out[0].is_tensor() || !tracked.channels.known()) return analysis.keep_inputs(op);
    for (size_t i = 2; i < op.in.size(); ++i)
        if (op.in[i]->is_tensor() || op.in[i]->varies) return analysis.keep_inputs(op);
    const int64_t rank = op.out[0].tensor().dim();
    const int64_t dim = tracked.channels.dim + rank - tracked.tensor().dim();
    const auto side_of = [&](const Flow& flow) {
        return Side{&flow, flow.is_tensor() ? dim - (rank - flow.tensor().dim()) : -1};
    };
    const Side a = side_of(first), b = side_of(second);
    for (const Side& side : {a, b}) {
        if (side.flow->channels.known() && side.flow->channels.dim != side.dim) return analysis.keep_inputs(op);
        if (!side.flow->stacked.empty() || !side.flow->parts.empty()) return analysis.keep_inputs(op);
        if (side.spans() && !side.tracked() && side.flow->parameter < 0) return analysis.keep_inputs(op);
    }
    if (op.out[0].tensor().size(dim) != int64_t(tracked.channels.ids.size())) return analysis.keep_inputs(op);
    Channels& out = op.out[0].channels;
    out = {dim, tracked.channels.ids, std::vector<uint8_t>(tracked.channels.ids.size())};
    for (const Side& side : {a, b}) {
        if (side.tracked())
            analysis.bonds.join(out.ids, side.flow->channels.ids, analysis.reason(op));
        else if (side.spans())
            analysis.parameters.attach(side.flow->parameter, side.dim, out.ids);
    }
    for (size_t i = 0; i < out.ids.size(); ++i) out.constant[i] = stays_constant(op, a, b, i);
    analysis.keep_varying(out, op.name + " joins them with channels that are not constant");
}

}  // namespace

const RuleTable& elementwise_rules() {
    static const RuleTable table = [] {
        RuleTable rules;
        for (const char* name :
             {"relu",       "hardtanh",    "relu6",    "sigmoid", "hardsigmoid", "tanh",       "silu",
              "mish",       "hardswish",   "elu",      "celu",    "selu",        "hardshrink", "softshrink",
              "leaky_relu", "log_sigmoid", "softplus", "gelu",    "threshold",   "clamp",      "clamp_min",
              "clamp_max",  "abs",         "neg",      "exp",     "sqrt",        "rsqrt",      "square",
              "reciprocal", "sin",         "cos",      "erf",     "log",         "log1p",      "sign",
              "contiguous", "clone",       "detach",   "alias",   "pow",         "rsub",       "to",
              "logit",      "floor",       "round",    "ceil"})
            rules[name] = unary;
        rules["type_as"] = elementwise;
        for (const char* name : {"dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "rrelu"})
            rules[name] = eval_only;
        for (const char* name : {"add", "sub", "mul", "div", "maximum", "minimum"}) rules[name] = binary;
        return rules;
    }();
    return table;
}

}  // namespace lacuna::structured
