#include "engine/formats/copy_file.h"

#include <algorithm>

namespace lacuna {
namespace {

/// The storages that lie in `file` without overlap, in its order.
std::vector<size_t> storages_in(const MappedFile& file, const Checkpoint& checkpoint) {
    const std::byte* const begin = file.bytes().data();
    const std::byte* const end = begin + file.size();
    const auto& storages = checkpoint.storages();
    std::vector<size_t> inside;
    for (size_t i = 0; i < storages.size(); ++i)
        if (storages[i].bytes > 0 && storages[i].data >= begin && storages[i].data < end) inside.push_back(i);
    std::sort(inside.begin(), inside.end(), [&](size_t a, size_t b) { return storages[a].data < storages[b].data; });
    return inside;
}

/// Bytes that belong to no storage: headers, padding, what no tensor refers to.
void copy_between(const MappedFile& file, std::span<const std::byte> bytes, ByteWriter& out) {
    constexpr size_t piece = size_t(64) << 20;
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece, bytes.size()))) {
        const auto now = bytes.first(std::min(piece, bytes.size()));
        out.write(now);
        file.release(now);
    }
}

}  // namespace

void copy_with_pruned(const MappedFile& file, PrunedStorages& pruned, ByteWriter& out,
                      const std::function<void(size_t storage, std::span<const std::byte> bytes)>& replaced) {
    const auto& storages = pruned.checkpoint().storages();
    const std::byte* done = file.bytes().data();
    std::vector<size_t> neighbours;  // with nothing between them
    const auto write_neighbours = [&] {
        pruned.write(neighbours, out);
        neighbours.clear();
    };
    for (const size_t i : storages_in(file, pruned.checkpoint())) {
        const StorageInfo& storage = storages[i];
        if (storage.data < done) continue;  // a second name for bytes that were written
        const bool apart = replaced && pruned.touches(i);
        if (apart || storage.data > done) write_neighbours();
        copy_between(file, {done, storage.data}, out);
        if (apart) {
            const std::span<const std::byte> bytes = pruned.bytes(i);
            out.write(bytes);
            replaced(i, bytes);
        } else {
            neighbours.push_back(i);
        }
        done = storage.data + storage.bytes;
    }
    write_neighbours();
    copy_between(file, {done, file.bytes().data() + file.size()}, out);
}

}  // namespace lacuna
