#include "engine/torch/quantized/embeddings.h"

#include <torch/nn/modules/embedding.h>
#include <torch/script.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "engine/base/error.h"
#include "engine/session/data_pruning.h"
#include "engine/torch/jit_modules.h"
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

/// A table on its way.
struct Work {
    std::string name;
    at::Tensor values;   ///< what pruning looks at, a copy
    at::Tensor rounded;  ///< quantised before it is pruned; undefined in the other order
};

at::Tensor rows_of(const std::string& name, const at::Tensor& table) {
    try {
        return quantised_rows(table);
    } catch (const Error& error) {
        throw wrong(name, error.problem(), error.hint());
    }
}

std::vector<Work> begun(const std::vector<EmbeddingTable>& tables, SparseQuantiseOrder order) {
    std::set<std::string> names;
    std::vector<Work> works;
    for (const EmbeddingTable& table : tables) {
        if (!names.insert(table.name).second) throw wrong(table.name, "two tables have this name");
        at::Tensor rounded = rows_of(table.name, table.weight);
        if (order == SparseQuantiseOrder::quantise_first)
            works.push_back({table.name, rounded.dequantize(), rounded});
        else
            works.push_back({table.name, plain(table.weight).clone(), {}});
    }
    return works;
}

std::vector<QuantisedTable> finished(const std::vector<Work>& works, const std::vector<MaskPtr>& masks) {
    std::vector<QuantisedTable> tables;
    for (size_t i = 0; i < works.size(); ++i) {
        const auto& [name, values, rounded] = works[i];
        if (masks[i]) values.masked_fill_(to_tensor(*masks[i]).logical_not_(), 0);
        at::Tensor weight = rounded.defined()
                                ? at::quantize_per_channel(values, rounded.q_per_channel_scales(),
                                                           rounded.q_per_channel_zero_points(), 0, at::kQUInt8)
                                : quantised_rows(values);
        tables.push_back({name, std::move(weight), masks[i]});
    }
    return tables;
}

std::vector<MaskPtr> masks_by(const Sparsifier& rule, const Options& options, const std::vector<Work>& works) {
    DataPruning pruning(rule, options);
    for (const Work& work : works)
        pruning.add_data(work.name, data_ref(work.values.data_ptr(), DType::F32, work.values.sizes().vec()));
    if (!works.empty()) pruning.step();
    std::vector<MaskPtr> masks;
    for (const Work& work : works) masks.push_back(std::make_shared<const Mask>(pruning.get_mask(work.name)));
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
    const std::vector<Work> works = begun(tables, order);
    return finished(works, masks_by(rule, options, works));
}

std::vector<QuantisedTable> sparse_quantise(const std::vector<EmbeddingTable>& tables,
                                            const std::vector<MaskPtr>& masks, SparseQuantiseOrder order) {
    const at::NoGradGuard no_grad;
    return finished(begun(tables, order), masks);
}

torch::jit::Module with_tables(const torch::jit::Module& model, const std::vector<QuantisedTable>& tables) {
    Replacements replacements;
    for (const QuantisedTable& table : tables)
        replacements.emplace(table.name,
                             quantised_embedding(table.name, fqn_to_module(model, table.name).value(), table.weight));
    return replaced(model, replacements);
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
                tables.push_back({table.name, rows_of(table.name, table.weight), nullptr});
    return with_tables(copy, tables);
}

}  // namespace lacuna
