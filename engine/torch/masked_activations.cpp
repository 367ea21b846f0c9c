#include "engine/torch/masked_activations.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/hypot.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/ones_like.h>
#include <torch/script.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/sparsifiers/sparsity_level.h"
#include "engine/torch/activation_sparsifier.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/load_module.h"
#include "engine/torch/masked_weights.h"
#include "engine/torch/model_distance.h"
#include "engine/torch/one_thread.h"
#include "engine/torch/save_module.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

constexpr int64_t batch = 64;  // samples

/// A layer whose input features can be masked.
struct Layer {
    std::string fqn;
    int64_t feature_dim;  ///< of its input, from the end
    Shape weight;
};

/// Each once, under its first name.
std::vector<Layer> layers_of(const torch::jit::Module& model, const std::string& which) {
    std::vector<Layer> layers;
    for_each_module(model, [&](const std::string& fqn, const torch::jit::Module& module) {
        const std::string type = type_name(module);
        const bool linear = type.starts_with("Linear"), convolution = type.starts_with("Conv");
        if (!(linear && which != "convolution") && !(convolution && which != "linear")) return;
        if (!module.hasattr("weight") || !module.attr("weight").isTensor()) return;
        const at::Tensor weight = module.attr("weight").toTensor();
        if (weight.dim() >= 2) layers.push_back({fqn, linear ? -1 : 1 - weight.dim(), weight.sizes().vec()});
    });
    if (layers.empty())
        throw Error(
            ErrorKind::argument, "layers",
            "the model has no module that is a " + (which == "all" ? "linear or convolution" : which) + " layer",
            "a frozen model has none left; otherwise choose all");
    return layers;
}

/// Every feature's norm, in the shape of the input with all other dimensions 1.
at::Tensor norms(const at::Tensor& gathered, int64_t feature_dim) {
    std::vector<int64_t> others;
    for (int64_t d = 0; d < gathered.dim(); ++d)
        if (d != feature_dim + gathered.dim()) others.push_back(d);
    return others.empty() ? gathered.abs() : at::linalg_vector_norm(gathered, 2, others, true);
}

at::Tensor without_lowest(const at::Tensor& scores, const Options& config) {
    at::Tensor mask = at::ones_like(scores);
    const auto count = int64_t(config.number(sparsity_level_option) * double(scores.numel()));
    const at::Tensor order = std::get<1>(scores.flatten().sort(/*stable=*/true, 0, false)).slice(0, 0, count);
    mask.view(-1).index_fill_(0, order, 0);
    return mask;
}

ActivationConfig config_of(const Layer& layer, const Options& options) {
    ActivationConfig config;
    config.aggregate_fn = [](const at::Tensor& gathered, const at::Tensor& input) {
        return at::hypot(gathered, input);
    };
    config.reduce_fn = [dim = layer.feature_dim](const at::Tensor& gathered) { return norms(gathered, dim); };
    config.mask_fn = without_lowest;
    config.sparse_config.set(sparsity_level_option, options.number(sparsity_level_option));
    return config;
}

/// Runs the model on all of `data`, in batches.
void run(const Dataset& data, const torch::jit::Module& model, const ActivationSparsifier& sparsifier,
         Progress& progress) {
    const int64_t samples = data.samples();
    progress.begin("Calibrating", uint64_t(samples), "samples");
    for (int64_t begin = 0; begin < samples; begin += batch) {
        const int64_t end = std::min(samples, begin + batch);
        const at::Tensor inputs = inputs_for(model, as_tensor(data.inputs()).slice(0, begin, end));
        try {
            sparsifier.forward({inputs});
        } catch (const Error&) {
            throw;
        } catch (const std::exception& error) {
            throw cannot_run(model, data.path().string(), inputs, error);
        }
        progress.advance(uint64_t(end - begin));
    }
}

ConversionRow row_of(const Layer& layer, const at::Tensor& mask) {
    const int64_t zeroed = mask.eq(0).sum().item<int64_t>();
    return {layer.fqn.empty() ? "weight" : layer.fqn + ".weight", layer.weight, layer.weight,
            std::to_string(zeroed) + " of " + std::to_string(mask.numel()) + " input features zeroed"};
}

}  // namespace

ConversionReport convert_to_masked_activations(const ConversionRequest& request, Progress& progress) {
    const OneThread one_thread;
    const at::NoGradGuard no_grad;
    const torch::jit::Module model = load_module(request.checkpoint->path());
    MaskedWeights(named_tensors(model)).apply(request.masks);
    ActivationSparsifier sparsifier(model);
    const std::vector<Layer> layers = layers_of(model, request.options.choice("layers"));
    for (const Layer& layer : layers) sparsifier.register_layer(layer.fqn, config_of(layer, request.options));

    run(*request.data, model, sparsifier, progress);
    sparsifier.step();
    ConversionReport report;
    const std::vector<ActivationLayer> known = sparsifier.layers();  // in the order in which they were registered
    for (size_t i = 0; i < layers.size(); ++i) {
        if (known[i].masks.empty()) {
            sparsifier.unregister_layer(layers[i].fqn);
            report.notes.push_back(layers[i].fqn + ": no input came by, so it stays as it is");
        } else {
            report.rows.push_back(row_of(layers[i], known[i].masks.front()));
        }
    }
    sparsifier.squash_mask();
    const torch::jit::Module masked = sparsifier.masked_model();
    compare_into(report, model, masked, as_tensor(request.data->inputs()), progress);
    save_module(masked, request.out);
    for (const at::Tensor& parameter : model.parameters()) report.parameters_after += parameter.numel();
    return report;
}

}  // namespace lacuna
