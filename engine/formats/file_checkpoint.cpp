#include "engine/formats/file_checkpoint.h"

#include <algorithm>

namespace lacuna {

void FileCheckpoint::add_file(MappedFilePtr file) {
    files_.push_back(file->path());
    file_bytes_ += file->size();
    mapped_.push_back(std::move(file));
}

void release_bytes(const Checkpoint& checkpoint, std::span<const std::byte> bytes) {
    if (const auto* files = dynamic_cast<const FileCheckpoint*>(&checkpoint))
        for (const MappedFilePtr& file : files->mapped()) file->release(bytes);
}

void release_neighbours(const Checkpoint& checkpoint, const std::vector<std::span<const std::byte>>& bytes) {
    for (size_t first = 0, last = 0; first < bytes.size(); first = last) {
        size_t size = bytes[last++].size();
        while (last < bytes.size() && bytes[last].data() == bytes[first].data() + size) size += bytes[last++].size();
        release_bytes(checkpoint, {bytes[first].data(), size});
    }
}

void release_storage(const Checkpoint& checkpoint, size_t storage) {
    const StorageInfo& info = checkpoint.storages()[storage];
    release_bytes(checkpoint, {info.data, info.bytes});
}

void release_storages(const Checkpoint& checkpoint, std::vector<size_t> storages) {
    const auto place = [&](size_t storage) { return checkpoint.storages()[storage].data; };
    std::sort(storages.begin(), storages.end(), [&](size_t a, size_t b) { return place(a) < place(b); });
    std::vector<std::span<const std::byte>> bytes;
    for (const size_t storage : storages) bytes.emplace_back(place(storage), checkpoint.storages()[storage].bytes);
    release_neighbours(checkpoint, bytes);
}

}  // namespace lacuna
