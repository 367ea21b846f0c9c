#include "engine/torch/quantized/convert.h"

#include <torch/script.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/module_sparsifier.h"
#include "engine/torch/quantized/linear_module.h"
#include "engine/torch/quantized/replace.h"

namespace lacuna {
namespace {

using torch::jit::Module;

Error wrong(const std::string& fqn, std::string what, std::string hint = {}) {
    return Error(ErrorKind::argument, fqn, std::move(what), std::move(hint));
}

/// A layer with all that its conversion needs.
struct Ready {
    LinearParts parts;
    QConfig qconfig;
    at::Tensor weight;  ///< quantised
};

Ready ready(const LayerToConvert& layer, const QConfigs& qconfigs) {
    std::optional<LinearParts> parts = read_linear(layer.module);
    if (!parts) throw wrong(layer.fqn, "a " + type_name(layer.module) + " is no linear layer");
    const auto given = qconfigs.find(layer.fqn);
    if (given == qconfigs.end() && !parts->qconfig)
        throw wrong(layer.fqn, "there is no qconfig for this layer", "prepare it, or give one for its name");
    const QConfig qconfig = given == qconfigs.end() ? *parts->qconfig : given->second;
    try {
        at::Tensor weight = quantised_weight(parts->weight, qconfig.per_channel);
        return {*std::move(parts), qconfig, std::move(weight)};
    } catch (const Error& error) {
        throw wrong(layer.fqn, error.where() + ": " + error.problem(), error.hint());
    }
}

/// The scale of one side of a layer.
QuantisedScale scale(const LayerToConvert& layer, const std::optional<ValueRange>& range, const QConfig& qconfig) {
    if (!range)
        throw wrong(layer.fqn, "no values were seen on this layer, so its ranges are not known",
                    "prepare the model and run it on data first");
    try {
        return activation_scale(*range, qconfig.reduce_range);
    } catch (const Error& error) {
        throw wrong(layer.fqn, error.where() + ": " + error.problem(), error.hint());
    }
}

BlockShape block_shape(const LayerToConvert& layer) {
    if (!layer.sparse_params.has("sparse_block_shape"))
        throw wrong(layer.fqn, "its sparse_params hold no sparse_block_shape",
                    "squash with params_to_keep {\"sparse_block_shape\"}");
    const std::vector<int64_t>& block = layer.sparse_params.block("sparse_block_shape");
    return {block.at(0), block.at(1)};
}

ConversionMapping for_linear(const MakeLayer& make) {
    ConversionMapping mapping;
    for (const char* type :
         {"Linear", "LinearReLU", "ObservedLinear", "ObservedLinearReLU", "QatLinear", "QatLinearReLU"})
        mapping.emplace(type, make);
    return mapping;
}

/// Runs `make`; errors about the weight or the block get the layer's name.
template <class Make>
Module named(const LayerToConvert& layer, Make&& make) {
    try {
        return make();
    } catch (const Error& error) {
        if (error.where() == layer.fqn) throw;
        throw Error(error.kind(), layer.fqn, error.where() + ": " + error.problem(), error.hint());
    }
}

Module made(const LayerToConvert& layer, const ConversionMapping& mapping, bool& changed) {
    const auto make = mapping.find(type_name(layer.module));
    changed = make != mapping.end();
    return changed ? make->second(layer) : layer.module;
}

}  // namespace

std::vector<MaskedLayer> masked_layers(const ModuleSparsifier& sparsifier) {
    std::vector<MaskedLayer> layers;
    for (const SparsifyGroup& group : sparsifier.groups()) {
        const bool known = std::any_of(layers.begin(), layers.end(),
                                       [&](const MaskedLayer& layer) { return layer.fqn == group.module_fqn; });
        if (!known)
            layers.push_back(
                {group.module_fqn, sparsifier.squashed() ? sparsifier.sparse_params(group.tensor_fqn) : group.options});
    }
    return layers;
}

torch::jit::Module convert(const torch::jit::Module& model, const std::vector<MaskedLayer>& masked,
                           const std::optional<ConversionMapping>& mapping) {
    if (!mapping) throw Error(ErrorKind::argument, "convert", "there is no mapping", "say what layers are to become");
    const Module copy = model.deepcopy();
    Replacements replacements;
    for (const MaskedLayer& layer : masked) {
        const auto module = fqn_to_module(copy, layer.fqn);
        if (!module) throw wrong(layer.fqn, "the model has no layer of that name");
        if (layer.fqn.empty()) continue;
        bool changed = false;
        Module next = made({layer.fqn, *module, layer.sparse_params}, *mapping, changed);
        if (changed) replacements.emplace(layer.fqn, std::move(next));
    }
    return replaced(copy, replacements);
}

ConversionMapping sparse_quantized_static_mapping(QConfigs qconfigs) {
    return for_linear([qconfigs = std::move(qconfigs)](const LayerToConvert& layer) {
        const Ready from = ready(layer, qconfigs);
        const BlockShape block = block_shape(layer);
        const QuantisedScale input = scale(layer, from.parts.input, from.qconfig);
        const QuantisedScale output = scale(layer, from.parts.output, from.qconfig);
        return named(layer, [&] {
            return sparse_quantized_linear(from.weight, from.parts.bias, from.parts.relu, block, input, output);
        });
    });
}

ConversionMapping sparse_quantized_dynamic_mapping(QConfigs qconfigs) {
    return for_linear([qconfigs = std::move(qconfigs)](const LayerToConvert& layer) {
        const Ready from = ready(layer, qconfigs);
        const BlockShape block = block_shape(layer);
        return named(layer, [&] {
            return sparse_quantized_dynamic_linear(from.weight, from.parts.bias, from.parts.relu, block);
        });
    });
}

ConversionMapping quantized_static_mapping(QConfigs qconfigs) {
    return for_linear([qconfigs = std::move(qconfigs)](const LayerToConvert& layer) {
        const Ready from = ready(layer, qconfigs);
        return named(layer, [&] {
            return quantized_linear(from.weight, from.parts.bias, from.parts.relu,
                                    scale(layer, from.parts.input, from.qconfig),
                                    scale(layer, from.parts.output, from.qconfig));
        });
    });
}

ConversionMapping quantized_dynamic_mapping(QConfigs qconfigs) {
    return for_linear([qconfigs = std::move(qconfigs)](const LayerToConvert& layer) {
        const Ready from = ready(layer, qconfigs);
        return named(layer, [&] { return quantized_dynamic_linear(from.weight, from.parts.bias, from.parts.relu); });
    });
}

torch::jit::Module convert_prepared(const torch::jit::Module& model, const ConversionMapping& mapping) {
    std::vector<MaskedLayer> layers;
    for_each_module(model, [&](const std::string& fqn, const Module& module) {
        const std::string type = type_name(module);
        if (!fqn.empty() && (type.starts_with("Observed") || type.starts_with("Qat"))) layers.push_back({fqn, {}});
    });
    return convert(model, layers, mapping);
}

}  // namespace lacuna
