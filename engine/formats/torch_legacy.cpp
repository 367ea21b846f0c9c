#include "engine/formats/torch_legacy.h"

#include <map>

#include "engine/formats/legacy_file.h"
#include "engine/formats/legacy_pickle.h"
#include "engine/formats/tensor_names.h"
#include "engine/formats/torch_zip.h"

namespace lacuna {
bool looks_like_pickle(std::string_view file) {
    return file.starts_with('\x80') || file.starts_with("L119547037146038801333356L");
}

LegacyCheckpoint::LegacyCheckpoint(MappedFilePtr file) {
    format_ = Format::torch_legacy;
    path_ = file->path();
    add_file(std::move(file));
    const MappedFile& mapped = *mapped_.front();
    const LegacyFile read =
        read_legacy_file({reinterpret_cast<const char*>(mapped.bytes().data()), mapped.size()}, where());
    pickle_ = read.pickle_bytes;
    std::map<std::string_view, size_t> by_key;
    for (const LegacyFile::Storage& storage : read.storages) {
        by_key.emplace(storage.key, storages_.size());
        keys_.push_back(storage.key);
        records_.push_back({storages_.size(), 0, storage.bytes.size()});
        storages_.push_back({storage.bytes.data(), storage.bytes.size()});
    }
    for (const LegacyFile::View& view : read.views) {
        keys_.push_back(view.key);
        records_.push_back({view.storage, view.offset, view.bytes});
    }
    NamedTensors named = name_tensors(read.pickle.graph, where());
    for (PickledTensor& tensor : named.tensors) {
        tensor.info.storage = by_key.at(tensor.storage.key);
        tensors_.push_back(std::move(tensor.info));
    }
    layers_ = std::move(named.layers);
    notes_ = std::move(named.notes);
    finish();
}

void LegacyCheckpoint::write_own(PrunedStorages& pruned, ByteWriter& out) const {
    const std::string pickle = zip_form_of_legacy_pickle(pickle_, where());
    write_torch_archive(
        pickle, keys_,
        [&](size_t i) {
            const Record& record = records_[i];
            return pruned.bytes(record.storage).subspan(size_t(record.offset), size_t(record.bytes));
        },
        out);
}

}  // namespace lacuna
