#include "engine/formats/copy_file.h"

#include <algorithm>

namespace lacuna {

void copy_with_pruned(const MappedFile& file, PrunedStorages& pruned, ByteWriter& out,
                      const std::function<void(size_t storage, std::span<const std::byte> bytes)>& replaced) {
    const std::byte* const begin = file.bytes().data();
    const std::byte* const end = begin + file.size();
    const auto& storages = pruned.checkpoint().storages();
    std::vector<size_t> inside;
    for (size_t i = 0; i < storages.size(); ++i)
        if (storages[i].bytes > 0 && pruned.touches(i) && storages[i].data >= begin && storages[i].data < end)
            inside.push_back(i);
    std::sort(inside.begin(), inside.end(), [&](size_t a, size_t b) { return storages[a].data < storages[b].data; });
    const auto copy = [&](std::span<const std::byte> bytes) {
        constexpr size_t piece = size_t(64) << 20;
        for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece, bytes.size()))) {
            const auto now = bytes.first(std::min(piece, bytes.size()));
            out.write(now);
            file.release(now);
        }
    };
    const std::byte* done = begin;
    for (const size_t i : inside) {
        copy({done, storages[i].data});
        const std::span<const std::byte> bytes = pruned.bytes(i);
        out.write(bytes);
        if (replaced) replaced(i, bytes);
        file.release({storages[i].data, storages[i].bytes});
        done = storages[i].data + storages[i].bytes;
    }
    copy({done, end});
}

}  // namespace lacuna
