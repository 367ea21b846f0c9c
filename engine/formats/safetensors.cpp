#include "engine/formats/safetensors.h"

#include "engine/formats/copy_file.h"
#include "engine/formats/safetensors_writer.h"

namespace lacuna {

SafetensorsCheckpoint::SafetensorsCheckpoint(MappedFilePtr file) {
    format_ = Format::safetensors;
    path_ = file->path();
    SafetensorsHeader header = parse_safetensors_header(file->bytes(), path_.string());
    tensors_ = std::move(header.tensors);
    metadata_ = std::move(header.metadata);
    storages_.reserve(tensors_.size());
    for (TensorInfo& tensor : tensors_) {
        storages_.push_back({file->bytes().data() + header.data_start + tensor.offset, tensor.bytes()});
        tensor.offset = 0;
    }
    add_file(std::move(file));
    finish();
}

void SafetensorsCheckpoint::write_own(PrunedStorages& pruned, ByteWriter& out) const {
    copy_with_pruned(*mapped_.front(), pruned, out);
}

void write_as_safetensors(PrunedStorages& pruned, ByteWriter& out) {
    const Checkpoint& source = pruned.checkpoint();
    const bool has_metadata = source.format() == Format::safetensors || source.format() == Format::safetensors_sharded;
    std::vector<SafetensorsEntry> entries;
    for (const TensorInfo& tensor : source.tensors()) entries.push_back({tensor.name, tensor.dtype, tensor.shape});
    const std::map<std::string, std::string> usual = {{"format", "pt"}};
    const SafetensorsLayout layout = safetensors_layout(entries, has_metadata ? source.metadata() : usual);
    out.write(layout.head);
    pruned.write_tensors(layout.order, out);
}

}  // namespace lacuna
