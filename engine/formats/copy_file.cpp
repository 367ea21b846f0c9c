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
    const std::byte* done = begin;
    for (const size_t i : inside) {
        out.write({done, storages[i].data});
        const std::span<const std::byte> bytes = pruned.bytes(i);
        out.write(bytes);
        if (replaced) replaced(i, bytes);
        done = storages[i].data + storages[i].bytes;
    }
    out.write({done, end});
}

}  // namespace lacuna
