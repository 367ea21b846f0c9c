#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/sparsifiers/options.h"
#include "engine/torch/quantized/prepare.h"

namespace torch::jit {
struct Module;
}

namespace lacuna {

class ModuleSparsifier;

/// A layer on its way through `convert`.
struct LayerToConvert {
    std::string fqn;
    const torch::jit::Module& module;  ///< with the masks in its weights
    const Options& sparse_params;      ///< what squash_mask kept of its options
};

/// Makes what takes the layer's place. May throw Error(argument).
using MakeLayer = std::function<torch::jit::Module(const LayerToConvert& layer)>;
/// By the layer's class, the last part of its name: "Linear", "ObservedLinear".
using ConversionMapping = std::map<std::string, MakeLayer, std::less<>>;

/// A layer that carries masks, and the options to pass on.
struct MaskedLayer {
    std::string fqn;
    Options sparse_params;
};
/// The layers whose tensors `sparsifier` prepared, with all their options, or once squashed those that
/// `squash_mask(params_to_keep)` kept; in the order of its groups, each layer once.
std::vector<MaskedLayer> masked_layers(const ModuleSparsifier& sparsifier);

/// BaseSparsifier.convert (docs/parity.md): a deep copy of `model` in which the masked layers whose class is in
/// `mapping` are what the mapping makes of them; others and the root stay. Masks are in the weights already (an
/// unsquashed sparsifier puts them there). Throws Error(argument) without a mapping, for a layer that `model` lacks,
/// and as `replaced` does.
torch::jit::Module convert(const torch::jit::Module& model, const std::vector<MaskedLayer>& masked,
                           const std::optional<ConversionMapping>& mapping);

// Mappings for every class that `read_linear` takes apart. The makers throw Error(argument), naming the layer, where
// there is no qconfig for it (`qconfigs` lacks it and it was not prepared), where ranges are needed that its observers
// did not see, and, for the sparse ones, where `sparse_params` has no sparse_block_shape or one that the engine lacks.

/// To SparseQuantizedLinear, ranges from the layer's observers.
ConversionMapping sparse_quantized_static_mapping(QConfigs qconfigs = {});
/// To SparseQuantizedDynamicLinear.
ConversionMapping sparse_quantized_dynamic_mapping(QConfigs qconfigs = {});
/// To QuantizedLinear, ranges from the layer's observers.
ConversionMapping quantized_static_mapping(QConfigs qconfigs = {});
/// To QuantizedDynamicLinear.
ConversionMapping quantized_dynamic_mapping(QConfigs qconfigs = {});

/// torch.ao.quantization.convert: a deep copy of `model` in which every layer that `prepare` or `prepare_qat` put
/// observers on is converted by `mapping`.
torch::jit::Module convert_prepared(const torch::jit::Module& model, const ConversionMapping& mapping);

}  // namespace lacuna
