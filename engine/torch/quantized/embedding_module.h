#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace torch::jit {
struct Module;
}

namespace lacuna {

/// What takes the place of `layer`, an Embedding or an EmbeddingBag called `fqn`: looks up in `table`, QUINT8 by rows,
/// and gives the dtype of the layer's own weight. Throws Error(argument) for what LibTorch's quantised operators lack:
/// an EmbeddingBag that does not sum, max_norm.
torch::jit::Module quantised_embedding(const std::string& fqn, const torch::jit::Module& layer,
                                       const at::Tensor& table);

}  // namespace lacuna
