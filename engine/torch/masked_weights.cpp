#include "engine/torch/masked_weights.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logical_not.h>
#include <torch/script.h>

#include <unordered_map>

#include "engine/base/error.h"
#include "engine/torch/tensor.h"

namespace lacuna {
namespace {

/// All bytes of a storage as one flat tensor on the same memory.
at::Tensor bytes_of(const at::Tensor& tensor) {
    const auto options = at::TensorOptions(at::kByte).device(tensor.device());
    return at::empty({0}, options).set_(tensor.storage(), 0, {int64_t(tensor.storage().nbytes())}, {1});
}

bool same(const MaskPtr& a, const MaskPtr& b) {
    return a == b || (a && b && *a == *b);
}

}  // namespace

std::vector<std::pair<std::string, at::Tensor>> named_tensors(const torch::jit::Module& model) {
    std::vector<std::pair<std::string, at::Tensor>> tensors;
    for (const auto& parameter : model.named_parameters()) tensors.emplace_back(parameter.name, parameter.value);
    for (const auto& buffer : model.named_buffers()) tensors.emplace_back(buffer.name, buffer.value);
    return tensors;
}

MaskedWeights::MaskedWeights(std::vector<std::pair<std::string, at::Tensor>> tensors) {
    std::unordered_map<const void*, size_t> known;
    for (auto& [fqn, tensor] : tensors) {
        if (!tensor.defined() || tensor.layout() != at::kStrided || tensor.is_quantized()) continue;
        const auto [place, fresh] = known.try_emplace(tensor.storage().unsafeGetStorageImpl(), storages_.size());
        if (fresh) storages_.push_back({{}, bytes_of(tensor), {}});
        storages_[place->second].weights.push_back(weights_.size());
        by_name_.emplace(fqn, weights_.size());
        weights_.push_back({std::move(fqn), tensor, place->second, nullptr});
    }
}

void MaskedWeights::apply(const MaskSet& masks) {
    std::vector<MaskPtr> wanted(weights_.size());
    for (const auto& [fqn, mask] : masks) {
        if (!mask) continue;
        const auto found = by_name_.find(fqn);
        if (found == by_name_.end())
            throw Error(ErrorKind::argument, fqn, "there is a mask for it, but the model has no tensor of that name");
        const Shape shape = weights_[found->second].live.sizes().vec();
        if (mask->shape() != shape)
            throw Error(ErrorKind::argument, fqn,
                        "its mask has shape " + to_string(mask->shape()) + ", the tensor " + to_string(shape));
        if (mask->pruned() > 0) wanted[found->second] = mask;
    }
    std::vector<bool> changed(storages_.size(), false);
    for (size_t i = 0; i < weights_.size(); ++i) {
        if (!same(weights_[i].mask, wanted[i])) changed[weights_[i].storage] = true;
        weights_[i].mask = std::move(wanted[i]);
    }
    for (size_t i = 0; i < storages_.size(); ++i)
        if (changed[i]) write(storages_[i]);
}

void MaskedWeights::write(Storage& storage) {
    const at::NoGradGuard no_grad;
    if (!storage.original.defined())
        storage.original = storage.live.clone();
    else
        storage.live.copy_(storage.original);
    for (const size_t index : storage.weights) {
        const Weight& weight = weights_[index];
        if (weight.mask) weight.live.masked_fill_(to_tensor(*weight.mask).logical_not_().to(weight.live.device()), 0);
    }
}

}  // namespace lacuna
