#include "engine/formats/safetensors.h"

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

}  // namespace lacuna
