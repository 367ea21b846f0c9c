#include "engine/torch/quantized/embeddings.h"

#include <torch/nn/modules/embedding.h>
#include <torch/script.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.h"
#include "engine/session/data_pruning.h"
#include "engine/torch/module_fqn.h"
#include "engine/torch/quantized/embedding_module.h"
#include "engine/torch/quantized/replace.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

using torch::jit::Module;

constexpr int64_t top = 255;  // of QUINT8

Error wrong(const std::string& where, std::string what, std::string hint = {}) {
    return Error(ErrorKind::argument, where, std::move(what), std::move(hint));
}

/// The next scale that times any zero point is exact in FLOAT: 16 bits of its 24. LibTorch's operators add
/// −scale · zero_point to scale · value, so without this a pruned value would come out near 0, not as 0.
float short_scale(float scale) {
    int exponent = 0;
    const float mantissa = std::frexp(scale, &exponent);
    return std::ldexp(std::ceil(std::ldexp(mantissa, 16)), exponent - 16);
}

at::Tensor plain(const at::Tensor& table) {
    return table.detach().to(at::kCPU, at::kFloat).contiguous();
}

bool is_embedding(const std::string& type) {
    return type == "Embedding" || type == "EmbeddingBag";
}

/// The chosen of `found`, in its order. `known` says whether a name is a module of another kind.
template <class Known>
std::vector<EmbeddingTable> chosen(std::vector<EmbeddingTable> found,
                                   const std::optional<std::vector<std::string>>& select, Known&& known) {
    if (!select) return found;
    const auto named = [](const std::string& name) {
        return [&name](const EmbeddingTable& table) { return table.name == name; };
    };
    std::vector<EmbeddingTable> picked;
    for (const std::string& name : *select) {
        const auto table = std::find_if(found.begin(), found.end(), named(name));
        if (table == found.end())
            throw wrong(name, known(name) ? "is no Embedding or EmbeddingBag" : "the model has no layer of that name");
        if (std::any_of(picked.begin(), picked.end(), named(name))) throw wrong(name, "is selected twice");
        picked.push_back(*table);
    }
    return picked;
}

void collect(const torch::nn::Module& module, const std::string& fqn, std::vector<EmbeddingTable>& found) {
    if (const auto* table = module.as<torch::nn::EmbeddingImpl>())
        found.push_back({fqn, table->weight});
    else if (const auto* bag = module.as<torch::nn::EmbeddingBagImpl>())
        found.push_back({fqn, bag->weight});
    for (const auto& child : module.named_children()) collect(*child.value(), join_fqn(fqn, child.key()), found);
}

/// Prunes the values of `tables`, which are written.
std::vector<MaskPtr> pruned(const std::vector<EmbeddingTable>& tables, const Sparsifier& rule, const Options& options) {
    DataPruning pruning(rule, options);
    for (const EmbeddingTable& table : tables)
        pruning.add_data(table.name, data_ref(table.weight.data_ptr(), DType::F32, table.weight.sizes().vec()));
    std::vector<MaskPtr> masks;
    if (tables.empty()) return masks;
    pruning.step();
    for (const EmbeddingTable& table : tables)
        masks.push_back(std::make_shared<const Mask>(pruning.get_mask(table.name)));
    pruning.squash_mask();
    return masks;
}

}  // namespace

at::Tensor quantised_rows(const at::Tensor& table) {
    if (!table.defined() || table.dim() != 2 || !table.is_floating_point())
        throw wrong("embedding table", "only floating tables with two dimensions can be quantised by rows");
    const at::Tensor values = plain(table);
    if (!at::isfinite(values).all().item<bool>())
        throw wrong("embedding table", "has values that are not finite and cannot be quantised");
    const int64_t rows = values.size(0);
    at::Tensor scales = at::empty({rows}, at::kFloat), zero_points = at::zeros({rows}, at::kFloat);
    const at::Tensor lowest = values.numel() ? values.amin(1).clamp_max(0) : zero_points;
    const at::Tensor highest = values.numel() ? values.amax(1).clamp_min(0) : zero_points;
    for (int64_t row = 0; row < rows; ++row) {
        const float low = lowest.const_data_ptr<float>()[row], high = highest.const_data_ptr<float>()[row];
        const float scale = short_scale(std::max(high / top - low / top, std::numeric_limits<float>::epsilon()));
        scales.data_ptr<float>()[row] = scale;
        zero_points.data_ptr<float>()[row] = std::clamp(-std::nearbyint(low / scale), 0.0f, float(top));
    }
    return at::quantize_per_channel(values, scales, zero_points, 0, at::kQUInt8);
}

std::vector<QuantisedTable> sparse_quantise(const std::vector<EmbeddingTable>& tables, const Sparsifier& rule,
                                            const Options& options, SparseQuantiseOrder order) {
    const at::NoGradGuard no_grad;
    std::vector<EmbeddingTable> copies;
    std::vector<at::Tensor> first;
    for (const EmbeddingTable& table : tables) {
        if (std::count_if(tables.begin(), tables.end(), [&](const auto& other) { return other.name == table.name; }) >
            1)
            throw wrong(table.name, "two tables have this name");
        first.push_back(quantised_rows(table.weight));
        const bool rounded = order == SparseQuantiseOrder::quantise_first;
        copies.push_back({table.name, rounded ? first.back().dequantize() : plain(table.weight).clone()});
    }
    const std::vector<MaskPtr> masks = pruned(copies, rule, options);
    std::vector<QuantisedTable> result;
    for (size_t i = 0; i < copies.size(); ++i) {
        const at::Tensor& values = copies[i].weight;
        at::Tensor weight = order == SparseQuantiseOrder::sparsify_first
                                ? quantised_rows(values)
                                : at::quantize_per_channel(values, first[i].q_per_channel_scales(),
                                                           first[i].q_per_channel_zero_points(), 0, at::kQUInt8);
        result.push_back({copies[i].name, std::move(weight), masks[i]});
    }
    return result;
}

std::vector<EmbeddingTable> embedding_tables(const torch::jit::Module& model,
                                             const std::optional<std::vector<std::string>>& select) {
    std::vector<EmbeddingTable> found;
    for_each_module(model, [&](const std::string& fqn, const Module& module) {
        if (is_embedding(type_name(module)) && module.hasattr("weight"))
            found.push_back({fqn, module.attr("weight").toTensor()});
    });
    return chosen(std::move(found), select,
                  [&](const std::string& name) { return fqn_to_module(model, name).has_value(); });
}

std::vector<EmbeddingTable> embedding_tables(const torch::nn::Module& model,
                                             const std::optional<std::vector<std::string>>& select) {
    std::vector<EmbeddingTable> found;
    collect(model, "", found);
    return chosen(std::move(found), select, [&](const std::string& name) {
        for (const auto& module : model.named_modules("", false))
            if (module.key() == name) return true;
        return false;
    });
}

torch::jit::Module post_training_sparse_quantise(const torch::jit::Module& model, const Sparsifier& rule,
                                                 const Options& options, SparseQuantiseOrder order,
                                                 const std::optional<std::vector<std::string>>& select) {
    const Module copy = model.deepcopy();
    std::vector<QuantisedTable> tables = sparse_quantise(embedding_tables(copy, select), rule, options, order);
    if (order == SparseQuantiseOrder::quantise_first)
        for (const EmbeddingTable& table : embedding_tables(copy))
            if (std::none_of(tables.begin(), tables.end(), [&](const auto& done) { return done.name == table.name; }))
                tables.push_back({table.name, quantised_rows(table.weight), nullptr});
    Replacements replacements;
    for (const QuantisedTable& table : tables)
        replacements.emplace(table.name,
                             quantised_embedding(table.name, fqn_to_module(copy, table.name).value(), table.weight));
    return replaced(copy, replacements);
}

}  // namespace lacuna
