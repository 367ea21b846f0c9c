#include "engine/formats/pruned_storages.h"

#include <algorithm>
#include <cstring>

#include "engine/formats/file_checkpoint.h"
#include "engine/formats/piece_writer.h"
#include "engine/tensor/runs.h"

namespace lacuna {
namespace {

constexpr int64_t batch_weights = int64_t(1) << 24;  // whose masks are asked for together
constexpr uint64_t most_run_bytes = uint64_t(32) << 20;

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

PrunedStorages::PrunedStorages(const Checkpoint& checkpoint, MaskSource& masks)
    : checkpoint_(checkpoint), source_(masks) {
    const auto& tensors = checkpoint.tensors();
    const auto& storages = checkpoint.storages();
    has_mask_.resize(tensors.size());
    facts_.resize(tensors.size());
    pruned_.resize(tensors.size());
    tensors_in_.resize(storages.size());
    for (size_t i = 0; i < tensors.size(); ++i) tensors_in_[tensors[i].storage].push_back(i);
    for (const size_t index : masks.masked()) {
        has_mask_[index] = true;
        masked_in_[tensors[index].storage].push_back(index);
    }
    for (const auto& [storage, masked] : masked_in_) touched_.push_back(storage);
    std::sort(touched_.begin(), touched_.end(),
              [&](size_t a, size_t b) { return std::pair(storages[a].data, a) < std::pair(storages[b].data, b); });
    for (size_t i = 0; i < touched_.size(); ++i) place_[touched_[i]] = i;
}

void PrunedStorages::fetch_masks(size_t storage) {
    const auto at_hand = [&](size_t s) { return masks_.contains(masked_in_.at(s).front()); };
    if (at_hand(storage)) return;
    // Files may be mapped in any order: what lies behind in memory may have been handed out long ago.
    const auto comes_next = [&](size_t s) { return s == storage || !(at_hand(s) || facts_[masked_in_.at(s).front()]); };
    std::vector<size_t> wanted;
    int64_t weights = 0;
    for (size_t i = place_.at(storage); i < touched_.size() && comes_next(touched_[i]); ++i) {
        int64_t here = 0;
        for (const size_t index : masked_in_.at(touched_[i])) here += checkpoint_.tensors()[index].elements();
        if (!wanted.empty() && weights + here > batch_weights) break;
        weights += here;
        for (const size_t index : masked_in_.at(touched_[i])) wanted.push_back(index);
    }
    std::vector<MaskPtr> masks = source_.masks(wanted);
    for (size_t i = 0; i < wanted.size(); ++i) {
        pruned_[wanted[i]] = masks[i]->pruned();
        if (seen_) seen_(wanted[i], *masks[i]);
        masks_[wanted[i]] = std::move(masks[i]);
    }
}

void PrunedStorages::drop_masks(size_t storage) {
    for (const size_t index : masked_in_.at(storage)) masks_.erase(index);
}

void PrunedStorages::fill_buffer(size_t storage) {
    if (buffered_ == storage) return;
    const StorageInfo& source = checkpoint_.storages()[storage];
    fetch_masks(storage);
    buffered_ = SIZE_MAX;
    copy_to_buffer({source.data, source.bytes});
    for (const size_t index : masked_in_.at(storage)) {
        const TensorInfo& tensor = checkpoint_.tensors()[index];
        prune(*masks_.at(index), tensor, buffer_.data() + tensor.offset);
    }
    check_squashed(storage);
    drop_masks(storage);
    buffered_ = storage;
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

void PrunedStorages::check_squashed(size_t storage) const {
    std::vector<std::byte> scratch;
    for (const size_t index : masked_in_.at(storage)) {
        const TensorInfo& tensor = checkpoint_.tensors()[index];
        const TensorView view{buffer_.data() + tensor.offset, tensor.dtype, tensor.shape, tensor.strides};
        const std::span<const std::byte> bytes = contiguous_bytes(view, scratch);
        if (!pruned_are_zero(tensor.dtype, bytes, masks_.at(index)->words().data())) refuse_squashed(tensor);
    }
}

void PrunedStorages::note_facts(size_t storage, std::span<const std::byte> bytes) {
    std::vector<std::byte> scratch;
    for (const size_t index : tensors_in_[storage]) {
        if (facts_[index]) continue;
        const TensorInfo& tensor = checkpoint_.tensors()[index];
        const TensorView view{bytes.data() + tensor.offset, tensor.dtype, tensor.shape, tensor.strides};
        facts_[index] = facts_of(tensor.dtype, contiguous_bytes(view, scratch), {});
    }
}

std::span<const std::byte> PrunedStorages::bytes(size_t storage) {
    const StorageInfo& source = checkpoint_.storages()[storage];
    std::span<const std::byte> bytes(source.data, source.bytes);
    if (touches(storage)) {
        fill_buffer(storage);
        bytes = buffer_;
    }
    note_facts(storage, bytes);
    return bytes;
}

std::span<const std::byte> PrunedStorages::contiguous(size_t index, std::vector<std::byte>& scratch) {
    const TensorInfo& tensor = checkpoint_.tensors()[index];
    return contiguous_bytes({bytes(tensor.storage).data() + tensor.offset, tensor.dtype, tensor.shape, tensor.strides},
                            scratch);
}

std::optional<size_t> PrunedStorages::filling(size_t storage) const {
    if (tensors_in_[storage].size() != 1) return std::nullopt;
    const size_t index = tensors_in_[storage].front();
    const TensorInfo& tensor = checkpoint_.tensors()[index];
    const bool fills = tensor.offset == 0 && tensor.bytes() == checkpoint_.storages()[storage].bytes;
    if (!fills || !checkpoint_.view(index).contiguous()) return std::nullopt;
    return index;
}

void PrunedStorages::write(std::span<const size_t> storages, ByteWriter& out) {
    for (const size_t storage : storages) {
        if (const auto index = filling(storage)) {
            add_to_run(*index, out);
            continue;
        }
        write_run(out);
        out.write(bytes(storage));
        release_storage(checkpoint_, storage);
    }
    write_run(out);
}

void PrunedStorages::write_tensors(std::span<const size_t> indices, ByteWriter& out) {
    std::vector<std::byte> scratch;
    for (const size_t index : indices) {
        const size_t storage = checkpoint_.tensors()[index].storage;
        if (filling(storage)) {
            add_to_run(index, out);
            continue;
        }
        write_run(out);
        out.write(contiguous(index, scratch));
        release_storage(checkpoint_, storage);
    }
    write_run(out);
}

void PrunedStorages::add_to_run(size_t index, ByteWriter& out) {
    run_.push_back(index);
    run_bytes_ += checkpoint_.tensors()[index].bytes();
    if (run_bytes_ >= most_run_bytes) write_run(out);
}

void PrunedStorages::write_run(ByteWriter& out) {
    if (run_.empty()) return;
    PieceWriter writer(checkpoint_, out);
    for (const size_t index : run_) {
        const Mask* mask = nullptr;
        if (has_mask(index)) {
            fetch_masks(checkpoint_.tensors()[index].storage);
            mask = masks_.at(index).get();
        }
        writer.add(index, mask);
    }
    writer.write();
    for (size_t i = 0; i < run_.size(); ++i) {
        facts_[run_[i]] = writer.facts(i);
        if (has_mask(run_[i])) drop_masks(checkpoint_.tensors()[run_[i]].storage);
    }
    run_.clear();
    run_bytes_ = 0;
}

const TensorFacts& PrunedStorages::facts(size_t index) {
    if (!facts_[index]) {
        bytes(checkpoint_.tensors()[index].storage);
        release_storage(checkpoint_, checkpoint_.tensors()[index].storage);
    }
    return *facts_[index];
}

std::span<const std::byte> contiguous_bytes(const TensorView& view, std::vector<std::byte>& scratch) {
    const uint64_t size = dtype_bytes(view.dtype, uint64_t(view.elements()));
    if (view.contiguous()) return {view.data, size};
    scratch.resize(size);
    copy_contiguous(view, scratch.data());
    return scratch;
}

}  // namespace lacuna
