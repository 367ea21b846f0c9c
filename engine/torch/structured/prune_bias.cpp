#include "engine/torch/structured/prune_bias.h"

#include <torch/script.h>

#include <map>

#include "engine/torch/jit_modules.h"
#include "engine/torch/module_tree.h"
#include "engine/torch/structured/flow.h"

namespace lacuna::structured {

std::vector<WeightAndBias> weights_and_biases(const torch::jit::Module& module) {
    std::vector<WeightAndBias> pairs;
    for (const auto& layer : module.named_modules()) {
        if (type_name(layer.value).starts_with("ConvTranspose")) continue;  // its rows are inputs
        std::map<std::string, at::Tensor> own;
        for (const auto& parameter : layer.value.named_parameters(false)) own.emplace(parameter.name, parameter.value);
        for (const auto& [name, weight] : own) {
            if (!name.starts_with("weight") || weight.dim() < 2) continue;
            const auto bias = own.find("bias" + name.substr(6));
            if (bias != own.end() && bias->second.dim() == 1 && bias->second.size(0) == weight.size(0))
                pairs.push_back({join_fqn(layer.name, name), join_fqn(layer.name, bias->first), weight, bias->second});
        }
    }
    return pairs;
}

void zero_pruned_biases(torch::jit::Module& module) {
    const at::NoGradGuard no_grad;
    for (const WeightAndBias& pair : weights_and_biases(module)) {
        const auto empty = empty_slices(pair.weight, 0);
        at::Tensor bias = pair.bias;
        for (size_t row = 0; row < empty.size(); ++row)
            if (empty[row]) bias[int64_t(row)] = 0;
    }
}

}  // namespace lacuna::structured
