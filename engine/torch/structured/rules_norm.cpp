#include <torch/script.h>

#include <algorithm>

#include "engine/torch/structured/analysis.h"

// Layer norm mixes its channels: those that leave as zeros still count in its mean and variance (ShortNorm).

namespace lacuna::structured {
namespace {

bool feeds_linear_layers_alone(const torch::jit::Node& node) {
    const auto& uses = node.output()->uses();
    return !uses.empty() && std::all_of(uses.begin(), uses.end(), [](const torch::jit::Use& use) {
        return use.user->kind() == c10::aten::linear && use.offset == 0;
    });
}

bool is_none_or_parameter(const Flow& flow) {
    return flow.value.isNone() || flow.parameter >= 0;
}

/// Over the last dimension, where its channels lie.
bool follows(const Op& op) {
    const Flow &input = *op.in[0], *shape = op.flow("normalized_shape");
    return input.is_tensor() && input.parameter < 0 && input.channels.known() &&
           input.channels.dim == input.tensor().dim() - 1 && shape->value.isIntList() &&
           shape->value.toIntVector().size() == 1 && is_none_or_parameter(*op.flow("weight")) &&
           is_none_or_parameter(*op.flow("bias")) && feeds_linear_layers_alone(*op.node);
}

void layer_norm(Analysis& analysis, Op& op) {
    if (!follows(op)) return analysis.keep_inputs(op);
    const Channels& channels = op.in[0]->channels;
    for (size_t i = 0; i < channels.ids.size(); ++i)
        if (channels.constant[i] && op.in[0]->constant_value(i) != 0)
            analysis.bonds.keep(channels.ids[i], op.name + " lets go of zeros alone, not of a bias");
    ShortNorm norm{op.node, op.flow("weight")->parameter, op.flow("bias")->parameter, channels.ids, {}};
    for (const int64_t parameter : {norm.weight, norm.bias})
        if (parameter >= 0) analysis.parameters.attach(parameter, 0, channels.ids);
    op.out[0].channels = {channels.dim, channels.ids, std::vector<uint8_t>(channels.ids.size())};
    op.out[0].norm = int64_t(analysis.norms.size());
    analysis.norms.push_back(std::move(norm));
}

}  // namespace

const RuleTable& norm_rules() {
    static const RuleTable table{{"layer_norm", layer_norm}};
    return table;
}

}  // namespace lacuna::structured
