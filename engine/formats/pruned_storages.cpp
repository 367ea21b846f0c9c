#include "engine/formats/pruned_storages.h"

#include <algorithm>
#include <cstring>

#include "engine/base/error.h"
#include "engine/formats/file_checkpoint.h"
#include "engine/formats/piece_writer.h"
#include "engine/formats/saved_mask.h"
#include "engine/mask/mask_values.h"
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

/// Writes the mask over a saved one, through a view of any strides.
void write_saved(const Mask& mask, const TensorInfo& tensor, std::byte* data) {
    const auto size = size_t(dtype_bits(tensor.dtype) / 8);
    int64_t i = 0;
    for_each_run(tensor.shape, tensor.strides, 0, mask.size(), [&](int64_t offset, int64_t stride, int64_t count) {
        std::byte* at = data + offset * int64_t(size);
        if (stride == 1) {
            write_mask_values(mask, tensor.dtype, i, {at, size_t(count) * size});
        } else {
            for (int64_t k = 0; k < count; ++k)
                write_mask_values(mask, tensor.dtype, i + k, {at + k * stride * int64_t(size), size});
        }
        i += count;
    });
}

[[noreturn]] void refuse_shared(const TensorInfo& tensor) {
    throw Error(ErrorKind::argument, tensor.name,
                "is a mask whose bytes other masks share, which are to differ from now on",
                "save the model with masks of their own");
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
        add_edit({index, index});
        for (const size_t saved : checkpoint.saved_masks(index)) add_edit({saved, index});
    }
    for (const auto& [storage, edits] : edits_in_) touched_.push_back(storage);
    std::sort(touched_.begin(), touched_.end(),
              [&](size_t a, size_t b) { return std::pair(storages[a].data, a) < std::pair(storages[b].data, b); });
    for (size_t i = 0; i < touched_.size(); ++i) place_[touched_[i]] = i;
}

void PrunedStorages::add_edit(Edit edit) {
    edits_in_[checkpoint_.tensors()[edit.tensor].storage].push_back(edit);
}

MaskPtr PrunedStorages::saved_for(const Edit& edit) const {
    return in_saved_shape(masks_.at(edit.masked).mask, checkpoint_.tensors()[edit.tensor].shape);
}

void PrunedStorages::fetch_masks(size_t storage) {
    if (fetched_.contains(storage)) return;
    // Files may be mapped in any order: what lies behind in memory may have been handed out long ago.
    const auto comes_next = [&](size_t s) {
        return s == storage || !(fetched_.contains(s) || facts_[edits_in_.at(s).front().tensor]);
    };
    std::vector<size_t> wanted;
    int64_t weights = 0;
    for (size_t i = place_.at(storage); i < touched_.size() && comes_next(touched_[i]); ++i) {
        std::vector<size_t> here;
        int64_t weights_here = 0;
        for (const Edit& edit : edits_in_.at(touched_[i])) {
            if (masks_.contains(edit.masked)) continue;
            here.push_back(edit.masked);
            weights_here += checkpoint_.tensors()[edit.masked].elements();
        }
        if (touched_[i] != storage && weights + weights_here > batch_weights) break;
        weights += weights_here;
        for (const size_t index : here)
            if (masks_.try_emplace(index).second) wanted.push_back(index);
        for (const Edit& edit : edits_in_.at(touched_[i])) ++masks_.at(edit.masked).uses;
        fetched_.insert(touched_[i]);
    }
    std::vector<MaskPtr> masks = source_.masks(wanted);
    for (size_t i = 0; i < wanted.size(); ++i) {
        pruned_[wanted[i]] = masks[i]->pruned();
        if (seen_) seen_(wanted[i], *masks[i]);
        masks_.at(wanted[i]).mask = std::move(masks[i]);
    }
}

void PrunedStorages::drop_masks(size_t storage) {
    fetched_.erase(storage);
    for (const Edit& edit : edits_in_.at(storage))
        if (--masks_.at(edit.masked).uses == 0) masks_.erase(edit.masked);
}

void PrunedStorages::fill_buffer(size_t storage) {
    if (buffered_ == storage) return;
    const StorageInfo& source = checkpoint_.storages()[storage];
    fetch_masks(storage);
    buffered_ = SIZE_MAX;
    copy_to_buffer({source.data, source.bytes});
    for (const bool prunes : {true, false})
        for (const Edit& edit : edits_in_.at(storage)) {
            if (edit.prunes() != prunes) continue;
            const TensorInfo& tensor = checkpoint_.tensors()[edit.tensor];
            if (prunes)
                prune(mask_for(edit), tensor, buffer_.data() + tensor.offset);
            else
                write_saved(*saved_for(edit), tensor, buffer_.data() + tensor.offset);
        }
    check_edits(storage);
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

void PrunedStorages::check_edits(size_t storage) const {
    std::vector<std::byte> scratch;
    for (const Edit& edit : edits_in_.at(storage)) {
        const TensorInfo& tensor = checkpoint_.tensors()[edit.tensor];
        const TensorView view{buffer_.data() + tensor.offset, tensor.dtype, tensor.shape, tensor.strides};
        if (edit.prunes()) {
            const std::span<const std::byte> bytes = contiguous_bytes(view, scratch);
            if (!pruned_are_zero(tensor.dtype, bytes, mask_for(edit).words().data())) refuse_squashed(tensor);
        } else if (Mask::from_tensor(view) != *saved_for(edit)) {
            refuse_shared(tensor);
        }
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
        const size_t storage = checkpoint_.tensors()[index].storage;
        if (!touches(storage)) {
            writer.add(index, nullptr);
            continue;
        }
        fetch_masks(storage);
        const Edit& edit = edits_in_.at(storage).front();  // its only tensor's only one
        if (edit.prunes())
            writer.add(index, &mask_for(edit));
        else
            writer.add_saved(index, saved_for(edit));
    }
    writer.write();
    for (size_t i = 0; i < run_.size(); ++i) {
        facts_[run_[i]] = writer.facts(i);
        const size_t storage = checkpoint_.tensors()[run_[i]].storage;
        if (touches(storage)) drop_masks(storage);
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
