#include "engine/torch/data_sparsifier.h"

#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/embedding.h>

#include "engine/base/error.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

/// The weight of a layer that holds a table; undefined for other layers.
at::Tensor table_of(const torch::nn::Module& layer) {
    if (const auto* embedding = dynamic_cast<const torch::nn::EmbeddingImpl*>(&layer)) return embedding->weight;
    if (const auto* bag = dynamic_cast<const torch::nn::EmbeddingBagImpl*>(&layer)) return bag->weight;
    return {};
}

}  // namespace

DataRef data_ref(const at::Tensor& tensor) {
    const TensorView view = as_view(tensor);
    return {const_cast<std::byte*>(view.data), view.dtype, view.shape, view.strides};
}

at::Tensor DataSparsifier::add_data(const std::string& name, const at::Tensor& data, DataConfig config) {
    relink();
    pruning_.add_data(name, data_ref(data), std::move(config));
    tensors_[name] = data;
    return get_data(name, false);
}

at::Tensor DataSparsifier::add_data(const std::string& name, const torch::nn::Module& layer, DataConfig config) {
    const at::Tensor table = table_of(layer);
    if (!table.defined())
        throw Error(ErrorKind::argument, name, "is neither a tensor nor an Embedding or EmbeddingBag",
                    "add a layer's weight as a tensor");
    return add_data(name, table, std::move(config));
}

at::Tensor DataSparsifier::get_data(std::string_view name, bool original) {
    relink();
    if (!original) {
        const std::vector<std::byte> values = pruning_.get_masked(name);
        const TensorView kept = pruning_.view(name);
        return as_tensor(contiguous_view(values.data(), kept.dtype, kept.shape)).clone();
    }
    const TensorView view = pruning_.get_data(name);
    const auto known = tensors_.find(name);
    return known == tensors_.end() ? as_tensor(view).clone() : known->second;
}

at::Tensor DataSparsifier::get_mask(std::string_view name) const {
    return to_tensor(pruning_.get_mask(name));
}

void DataSparsifier::step() {
    relink();
    pruning_.step();
}

void DataSparsifier::squash_mask(const std::optional<std::vector<std::string>>& names, bool leave_parametrized) {
    relink();
    pruning_.squash_mask(names, leave_parametrized);
    if (!leave_parametrized) return;
    for (size_t i = 0; i < pruning_.size(); ++i)
        if (pruning_.squashed(pruning_.name(i))) wrote(pruning_.name(i));
}

DataPruningState DataSparsifier::state_dict() {
    relink();
    return pruning_.state();
}

void DataSparsifier::load_state_dict(const DataPruningState& state, bool strict) {
    relink();
    pruning_.load_state(state, strict);
    std::erase_if(tensors_, [this](const auto& one) {
        return !pruning_.has(one.first) || pruning_.view(one.first).data != one.second.const_data_ptr();
    });
    for (const auto& item : state.items) wrote(item.name);
}

void DataSparsifier::relink() {
    for (const auto& [name, tensor] : tensors_) {
        const DataRef now = data_ref(tensor);
        const TensorView known = pruning_.view(name);
        if (now.data != known.data || now.shape != known.shape || now.strides != known.strides ||
            now.dtype != known.dtype)
            pruning_.relink(name, now);
    }
}

/// Autograd counts writes to a tensor, and has not seen this one.
void DataSparsifier::wrote(const std::string& name) {
    const auto known = tensors_.find(name);
    if (known != tensors_.end() && !known->second.is_inference()) known->second.unsafeGetTensorImpl()->bump_version();
}

}  // namespace lacuna
