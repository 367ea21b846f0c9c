#include "engine/torch/quantized/convert_file.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/script.h>

#include <functional>

#include "engine/base/error.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/load_module.h"
#include "engine/torch/masked_weights.h"
#include "engine/torch/model_distance.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/quantized/archive_engine.h"
#include "engine/torch/quantized/calibrate_ranges.h"
#include "engine/torch/quantized/convert.h"
#include "engine/torch/quantized/engine_scope.h"
#include "engine/torch/quantized/linear_module.h"
#include "engine/torch/quantized/replace.h"
#include "engine/torch/quantized/sparse_linear.h"
#include "engine/torch/save_module.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

using torch::jit::Module;

/// The layers to convert, and in words why others stay.
struct Choice {
    std::vector<MaskedLayer> layers;
    std::vector<std::string> notes;
};

std::string why_stays(const Module& model, const std::string& fqn, const LinearParts& parts) {
    if (!parts.weight.is_floating_point() || parts.weight.dim() != 2 || parts.weight.numel() == 0)
        return "its weight is not floating with two dimensions";
    // What takes the layer's place has its methods, and none of its tensors.
    return why_not_replaced(model, fqn,
                            quantized_dynamic_linear(quantised_weight(at::ones({1, 1}), false), {}, parts.relu));
}

Choice choose(const Module& model, const ConversionRequest& request) {
    Choice choice;
    Options sparse_params;
    sparse_params.set("sparse_block_shape", request.options.block("sparse_block_shape"));
    std::vector<std::string> other;
    for (const auto& [name, mask] : request.masks) other.push_back(name);
    for_each_module(model, [&](const std::string& fqn, const Module& layer) {
        const auto parts = fqn.empty() ? std::nullopt : read_linear(layer);
        if (!parts || type_name(layer) != "Linear") return;
        const std::string weight = join_fqn(fqn, "weight");
        std::erase(other, weight);
        const bool masked = request.masks.empty() ? parts->weight.eq(0).any().item<bool>()
                                                  : request.masks.find(weight) != request.masks.end();
        if (!masked) return;
        if (const std::string why = why_stays(model, fqn, *parts); !why.empty())
            return choice.notes.push_back(fqn + " stays as it is: " + why);
        choice.layers.push_back({fqn, sparse_params});
    });
    for (const std::string& name : other) choice.notes.push_back(name + " is pruned but belongs to no Linear layer");
    if (choice.layers.empty())
        throw Error(ErrorKind::argument, request.checkpoint->path().string(),
                    choice.notes.empty() ? "has no pruned Linear layer to convert"
                                         : "has no Linear layer that can be converted: " + choice.notes.front(),
                    "prune it first, or give --masks or --recipe");
    return choice;
}

QConfigs qconfigs(const std::vector<MaskedLayer>& layers, const Options& options) {
    QConfig qconfig{.per_channel = options.boolean("per_channel")};
    if (options.has("reduce_range")) qconfig.reduce_range = options.boolean("reduce_range");
    QConfigs result;
    for (const MaskedLayer& layer : layers) result.emplace(layer.fqn, qconfig);
    return result;
}

/// One row a layer, and how many numbers are left.
void describe(const Module& before, const Module& after, const Choice& choice, ConversionReport& report) {
    for (const at::Tensor& parameter : after.parameters()) report.parameters_after += parameter.numel();
    for (const MaskedLayer& layer : choice.layers) {
        const at::Tensor weight = fqn_to_tensor(before, join_fqn(layer.fqn, "weight"));
        const SparseLinear packed(fqn_to_module(after, layer.fqn)->attr("_packed_params"));
        const SparseLinearFields fields = packed.fields();
        const int64_t height = fields.block.rows, width = fields.block.columns;
        const int64_t blocks =
            ((fields.out_features + height - 1) / height) * ((fields.in_features + width - 1) / width);
        report.parameters_after += fields.values.numel() + (fields.bias ? fields.bias->numel() : 0);
        report.rows.push_back({join_fqn(layer.fqn, "weight"),
                               weight.sizes().vec(),
                               {},
                               "packed in 8 bits: " + std::to_string(fields.columns.numel()) + " of " +
                                   std::to_string(blocks) + " blocks of " + std::to_string(height) + "×" +
                                   std::to_string(width) + " kept"});
    }
}

/// Inputs to compare on; undefined: none are known.
at::Tensor some_inputs(const Module& model, const ConversionRequest& request) {
    if (request.data) return as_tensor(request.data->inputs());
    if (request.input_shape.empty()) return {};
    auto generator = at::make_generator<at::CPUGeneratorImpl>(0);
    return inputs_for(model, at::randn(request.input_shape, generator));
}

using Rewrite = std::function<Module(const Module& model, const Choice& choice)>;

ConversionReport convert_file(const ConversionRequest& request, Progress& progress, c10::QEngine engine,
                              const Rewrite& rewrite) {
    const EngineScope scope(engine);
    if (archive_engine(request.checkpoint->path()))
        throw Error(ErrorKind::argument, request.checkpoint->path().string(), "has sparse quantised layers already",
                    "convert the model that it was made from");
    const Module model = load_module(request.checkpoint->path());
    MaskedWeights(named_tensors(model)).apply(request.masks);
    const Choice choice = choose(model, request);
    const Module converted = rewrite(model, choice);
    progress.check();
    save_module(converted, request.out);
    ConversionReport report;
    report.notes = choice.notes;
    report.notes.push_back("PyTorch loads the file after torch.backends.quantized.engine = \"" +
                           std::string(engine_name(engine)) + "\"");
    const Module written = load_module(request.out);
    describe(model, written, choice, report);
    if (const at::Tensor inputs = some_inputs(model, request); inputs.defined())
        compare_into(report, model, written, inputs, progress);
    return report;
}

}  // namespace

ConversionReport convert_sparse_quantised_static(const ConversionRequest& request, Progress& progress) {
    return convert_file(request, progress, sparse_static_engine, [&](const Module& model, const Choice& choice) {
        const Module seen = calibrated(model, qconfigs(choice.layers, request.options), *request.data, progress);
        return convert(seen, choice.layers, sparse_quantized_static_mapping());
    });
}

ConversionReport convert_sparse_quantised_dynamic(const ConversionRequest& request, Progress& progress) {
    return convert_file(request, progress, sparse_dynamic_engine, [&](const Module& model, const Choice& choice) {
        return convert(model, choice.layers,
                       sparse_quantized_dynamic_mapping(qconfigs(choice.layers, request.options)));
    });
}

}  // namespace lacuna
