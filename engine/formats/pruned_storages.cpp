#include "engine/formats/pruned_storages.h"

#include <algorithm>
#include <cstring>

#include "engine/base/error.h"
#include "engine/formats/file_checkpoint.h"
#include "engine/model/model.h"
#include "engine/tensor/runs.h"

namespace lacuna {
namespace {

/// Zeroes what the mask prunes, element by element, through a view of any strides.
void zero_through(const Mask& mask, const TensorInfo& tensor, std::byte* data) {
    const auto size = int64_t(dtype_bits(tensor.dtype) / 8);
    int64_t i = 0;
    for_each_run(tensor.shape, tensor.strides, 0, mask.size(), [&](int64_t offset, int64_t stride, int64_t count) {
        for (int64_t k = 0; k < count; ++k, ++i)
            if (!mask[i]) std::memset(data + (offset + k * stride) * size, 0, size_t(size));
    });
}

void prune(const Mask& mask, const TensorInfo& tensor, std::byte* data) {
    const TensorView view{data, tensor.dtype, tensor.shape, tensor.strides};
    if (view.contiguous())
        apply_mask(mask, view, data);
    else
        zero_through(mask, tensor, data);
}

}  // namespace

PrunedStorages::PrunedStorages(const Checkpoint& checkpoint, const MaskSet& masks) : checkpoint_(checkpoint) {
    for (const auto& [name, mask] : masks) {
        const auto index = checkpoint.find(name);
        if (!index)
            throw Error(ErrorKind::argument, name, "there is a mask for it, but no such tensor",
                        "masks belong to the checkpoint they were made for");
        const TensorInfo& tensor = checkpoint.tensors()[*index];
        if (mask->shape() != tensor.shape)
            throw Error(
                ErrorKind::argument, name,
                "its mask is of shape " + to_string(mask->shape()) + ", the tensor of " + to_string(tensor.shape),
                "masks belong to the checkpoint they were made for");
        if (const std::string reason = why_not_prunable(tensor); !reason.empty() && mask->pruned() > 0)
            throw Error(ErrorKind::argument, name, "cannot be pruned: it " + reason);
        masks_.emplace(*index, mask.get());
        views_[tensor.storage].push_back(*index);
    }
}

std::span<const std::byte> PrunedStorages::bytes(size_t storage) {
    const StorageInfo& source = checkpoint_.storages()[storage];
    const auto views = views_.find(storage);
    if (views == views_.end()) return {source.data, source.bytes};
    if (buffered_ != storage) {
        buffered_ = SIZE_MAX;
        copy_to_buffer({source.data, source.bytes});
        for (const size_t index : views->second) {
            const TensorInfo& tensor = checkpoint_.tensors()[index];
            prune(*masks_.at(index), tensor, buffer_.data() + tensor.offset);
        }
        buffered_ = storage;
    }
    return buffer_;
}

void PrunedStorages::copy_to_buffer(std::span<const std::byte> bytes) {
    constexpr size_t piece = size_t(16) << 20;
    buffer_.clear();
    buffer_.reserve(bytes.size());
    while (!bytes.empty()) {
        const auto now = bytes.first(std::min(piece, bytes.size()));
        buffer_.insert(buffer_.end(), now.begin(), now.end());
        release_bytes(checkpoint_, now);
        bytes = bytes.subspan(now.size());
    }
}

TensorView PrunedStorages::view(size_t index) {
    const TensorInfo& tensor = checkpoint_.tensors()[index];
    return {bytes(tensor.storage).data() + tensor.offset, tensor.dtype, tensor.shape, tensor.strides};
}

std::span<const std::byte> PrunedStorages::contiguous(size_t index, std::vector<std::byte>& scratch) {
    return contiguous_bytes(view(index), scratch);
}

const Mask* PrunedStorages::mask(size_t index) const {
    const auto at = masks_.find(index);
    return at == masks_.end() ? nullptr : at->second;
}

std::span<const std::byte> contiguous_bytes(const TensorView& view, std::vector<std::byte>& scratch) {
    const uint64_t size = dtype_bytes(view.dtype, uint64_t(view.elements()));
    if (view.contiguous()) return {view.data, size};
    scratch.resize(size);
    copy_contiguous(view, scratch.data());
    return scratch;
}

}  // namespace lacuna
