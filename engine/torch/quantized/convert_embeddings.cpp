#include "engine/torch/quantized/convert_embeddings.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/script.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/sparsifiers/registry.h"
#include "engine/torch/jit_modules.h"
#include "engine/torch/load_module.h"
#include "engine/torch/masked_weights.h"
#include "engine/torch/model_distance.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/quantized/archive_engine.h"
#include "engine/torch/quantized/embedding_module.h"
#include "engine/torch/quantized/embeddings.h"
#include "engine/torch/quantized/engine_scope.h"
#include "engine/torch/quantized/replace.h"
#include "engine/torch/save_module.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

using torch::jit::Module;

std::string weight_of(const EmbeddingTable& table) {
    return join_fqn(table.name, "weight");
}

MaskPtr mask_of(const EmbeddingTable& table, const ConversionRequest& request) {
    const auto found = request.masks.find(weight_of(table));
    return found == request.masks.end() ? nullptr : found->second;
}

/// Why a layer cannot look up in a quantised table; empty if it can.
std::string why_stays(const Module& model, const std::string& fqn) {
    try {
        const at::Tensor any = quantised_rows(at::zeros({1, 1}));
        return why_not_replaced(model, fqn, quantised_embedding(fqn, fqn_to_module(model, fqn).value(), any));
    } catch (const Error& error) {
        return error.problem();
    }
}

/// The tables to convert, and in words why others stay.
struct Choice {
    std::vector<EmbeddingTable> tables;
    bool masked = false;  ///< by the request's masks
    std::vector<std::string> notes;
};

[[noreturn]] void refuse(const Module& model, const std::string& path, const Choice& choice) {
    if (!choice.notes.empty())
        throw Error(ErrorKind::argument, path, "has no embedding that can be quantised: " + choice.notes.front(),
                    "only models that call their embedding layers can be converted");
    for_each_module(model, [&](const std::string&, const Module& module) {
        if (type_name(module).starts_with("QuantizedEmbedding"))
            throw Error(ErrorKind::argument, path, "has quantised embedding tables already",
                        "convert the model that it was made from");
    });
    throw Error(ErrorKind::argument, path, "has no Embedding or EmbeddingBag layer",
                "a frozen model has no layers left: convert it before it is frozen");
}

Choice choose(const Module& model, const ConversionRequest& request) {
    const std::vector<EmbeddingTable> all = embedding_tables(model);
    Choice choice;
    choice.masked = std::any_of(all.begin(), all.end(), [&](const auto& table) { return mask_of(table, request); });
    const bool every = !choice.masked || request.options.choice("order") == "quantize_first";
    for (const EmbeddingTable& table : all) {
        if (!every && !mask_of(table, request)) continue;
        if (const std::string why = why_stays(model, table.name); !why.empty())
            choice.notes.push_back(table.name + " stays as it is: " + why);
        else
            choice.tables.push_back(table);
    }
    if (choice.tables.empty()) refuse(model, request.checkpoint->path().string(), choice);
    return choice;
}

std::vector<QuantisedTable> quantised(const Choice& choice, const ConversionRequest& request) {
    const auto order = request.options.choice("order") == "quantize_first" ? SparseQuantiseOrder::quantise_first
                                                                           : SparseQuantiseOrder::sparsify_first;
    if (choice.masked) {
        std::vector<MaskPtr> masks;
        for (const EmbeddingTable& table : choice.tables) masks.push_back(mask_of(table, request));
        return sparse_quantise(choice.tables, masks, order);
    }
    Options options = request.options;
    options.erase("order");
    return sparse_quantise(choice.tables, sparsifier("data_norm"), options, order);
}

/// One row a table of the written model, whose pruned values must be 0.
void describe(const Module& written, const Choice& choice, const std::vector<QuantisedTable>& tables,
              ConversionReport& report) {
    for (const at::Tensor& parameter : written.parameters()) report.parameters_after += parameter.numel();
    for (size_t i = 0; i < tables.size(); ++i) {
        const at::Tensor values = unpacked_table(fqn_to_module(written, tables[i].name).value()).dequantize();
        const MaskPtr& mask = tables[i].mask;
        if (mask && values.masked_select(to_tensor(*mask).logical_not_()).ne(0).any().item<bool>())
            throw Error(ErrorKind::state, weight_of(choice.tables[i]), "pruned values did not stay 0",
                        "report this model");
        report.parameters_after += values.numel();
        report.rows.push_back({weight_of(choice.tables[i]),
                               values.sizes().vec(),
                               {},
                               "8 bits a value, " + std::to_string(mask ? mask->pruned() : 0) + " of " +
                                   std::to_string(values.numel()) + " values pruned"});
    }
}

/// On random indices into the smallest table, or on numbers where the model does not take indices.
void compare_on_random(ConversionReport& report, const Module& masked, const Module& written,
                       const ConversionRequest& request, const Choice& choice, Progress& progress) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(0);
    int64_t rows = choice.tables.front().weight.size(0);
    for (const EmbeddingTable& table : choice.tables) rows = std::min(rows, table.weight.size(0));
    try {
        const at::Tensor indices = at::randint(0, std::max<int64_t>(rows, 1), request.input_shape, generator);
        compare_into(report, masked, written, indices.to(at::kLong), progress);
    } catch (const Error&) {
        compare_into(report, masked, written, at::randn(request.input_shape, generator), progress);
    }
}

}  // namespace

ConversionReport convert_to_quantised_embeddings(const ConversionRequest& request, Progress& progress) {
    const EngineScope scope(archive_engine(request.checkpoint->path()));
    const Module model = load_module(request.checkpoint->path());
    progress.begin("Converting", 2, "steps");
    const Choice choice = choose(model, request);
    const std::vector<QuantisedTable> tables = quantised(choice, request);
    progress.advance();
    MaskSet masks = request.masks;
    for (size_t i = 0; i < tables.size(); ++i)
        if (tables[i].mask) masks[weight_of(choice.tables[i])] = tables[i].mask;
    MaskedWeights(named_tensors(model)).apply(masks);
    save_module(with_tables(model, tables), request.out);
    progress.advance();
    ConversionReport report;
    report.notes = choice.notes;
    const Module written = load_module(request.out);
    describe(written, choice, tables, report);
    if (request.data)
        compare_into(report, model, written, as_tensor(request.data->inputs()), progress);
    else if (!request.input_shape.empty())
        compare_on_random(report, model, written, request, choice, progress);
    return report;
}

}  // namespace lacuna
