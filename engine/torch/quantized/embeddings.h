#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "engine/mask/mask.h"
#include "engine/sparsifiers/sparsifier.h"

namespace torch::nn {
class Module;
}
namespace torch::jit {
struct Module;
}

namespace lacuna {

// Post-training pruning and quantisation of embedding tables: torch.ao.pruning's post_training_sparse_quantize
// (docs/parity.md). Rows are QUINT8, each with its own scale and zero point. Unlike upstream's, a row's range always
// holds 0 and zero points are whole numbers, so every pruned value is exactly 0 afterwards; and names are kept whole,
// so `a.b_c` and `a_b.c` are two tables.

/// A table (rows, columns), any floating dtype.
struct EmbeddingTable {
    std::string name;
    at::Tensor weight;
};

struct QuantisedTable {
    std::string name;
    at::Tensor weight;  ///< QUINT8, per row (kPerChannelAffineFloatQParams, axis 0)
    MaskPtr mask;       ///< what was pruned; null: the table was quantised only
};

enum class SparseQuantiseOrder {
    sparsify_first,  ///< prune the values, then quantise what is left
    quantise_first,  ///< quantise, prune by the rounded values, keep scales and zero points
};

/// Each row by its own range, widened to hold 0. Throws Error(argument) for a tensor that is not floating with two
/// dimensions, or has values that are not finite.
at::Tensor quantised_rows(const at::Tensor& table);

/// Prunes each table by one step of `rule` under `options` and quantises it. The tables themselves stay as they are.
/// Throws Error(argument) for a name that is there twice or empty, options that do not fit, and as `quantised_rows`.
std::vector<QuantisedTable> sparse_quantise(const std::vector<EmbeddingTable>& tables, const Sparsifier& rule,
                                            const Options& options, SparseQuantiseOrder order);
/// The same under masks that are there already: one a table, of its shape; null: quantised only.
std::vector<QuantisedTable> sparse_quantise(const std::vector<EmbeddingTable>& tables,
                                            const std::vector<MaskPtr>& masks, SparseQuantiseOrder order);

/// The tables of all Embedding and EmbeddingBag layers below `model`, by module FQN, or of those in `select` only.
/// Throws Error(argument) for a selected layer that the model lacks or that is of another kind.
std::vector<EmbeddingTable> embedding_tables(const torch::jit::Module& model,
                                             const std::optional<std::vector<std::string>>& select = {});
std::vector<EmbeddingTable> embedding_tables(const torch::nn::Module& model,
                                             const std::optional<std::vector<std::string>>& select = {});

/// `model` in which the layers of these names are QuantizedEmbedding and QuantizedEmbeddingBag layers that look up in
/// these tables; other tensors are shared. Throws as `quantised_embedding` and `replaced` do.
torch::jit::Module with_tables(const torch::jit::Module& model, const std::vector<QuantisedTable>& tables);

/// A deep copy of `model` in which the embeddings (all, or those in `select`) are QuantizedEmbedding and
/// QuantizedEmbeddingBag layers. Sparsifying first, only they change; quantising first, upstream quantises all of them
/// and prunes the selected. Throws Error(argument) as above; for an EmbeddingBag that does not sum or a table with
/// max_norm, which LibTorch's quantised operators lack; and as `replaced` does.
torch::jit::Module post_training_sparse_quantise(const torch::jit::Module& model, const Sparsifier& rule,
                                                 const Options& options, SparseQuantiseOrder order,
                                                 const std::optional<std::vector<std::string>>& select = {});

/// The table inside a quantised embedding layer: QUINT8 (rows, columns). Throws Error(argument) for another layer.
at::Tensor unpacked_table(const torch::jit::Module& module);

}  // namespace lacuna
