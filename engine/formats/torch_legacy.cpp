#include "engine/formats/torch_legacy.h"

#include <algorithm>
#include <map>

#include "engine/base/error.h"
#include "engine/formats/legacy_pickle.h"
#include "engine/formats/tensor_names.h"
#include "engine/formats/torch_zip.h"

namespace lacuna {
namespace {

constexpr std::string_view magic_digits = "119547037146038801333356";
constexpr std::string_view magic_bytes("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr int64_t known_version = 1001;

}  // namespace

bool looks_like_pickle(std::string_view file) {
    return file.starts_with('\x80') || file.starts_with("L119547037146038801333356L");
}

LegacyCheckpoint::LegacyCheckpoint(MappedFilePtr file) {
    format_ = Format::torch_legacy;
    path_ = file->path();
    add_file(std::move(file));
    const MappedFile& mapped = *mapped_.front();
    std::string_view rest(reinterpret_cast<const char*>(mapped.bytes().data()), mapped.size());
    check_header(rest);
    const PickleResult pickle = read_pickle(rest, where());
    pickle_ = rest.substr(0, pickle.size);
    read_storages(pickle.graph, rest.substr(pickle.size));

    NamedTensors named = name_tensors(pickle.graph, where());
    std::map<std::string_view, size_t> by_key;
    for (size_t i = 0; i < storages_.size(); ++i) by_key.emplace(keys_[i], i);
    for (PickledTensor& tensor : named.tensors) {
        tensor.info.storage = by_key.at(tensor.storage.key);
        tensors_.push_back(std::move(tensor.info));
    }
    layers_ = std::move(named.layers);
    notes_ = std::move(named.notes);
    finish();
}

void LegacyCheckpoint::check_header(std::string_view& rest) const {
    const auto next = [&] {
        PickleResult pickle = read_pickle(rest, where());
        rest.remove_prefix(pickle.size);
        return pickle;
    };
    const PickleResult magic = next();
    const std::string_view number = magic.graph.text(magic.graph.root);
    if (magic.graph.kind(magic.graph.root) != PickleKind::big_integer ||
        (number != magic_bytes && number != magic_digits))
        throw Error(ErrorKind::format, where(), "is a Python pickle, but not one that torch.save wrote",
                    "save its tensors with torch.save or as safetensors");
    const PickleResult version = next();
    if (version.graph[version.graph.root].integer != known_version)
        throw Error(ErrorKind::format, where(), "is of a version of PyTorch's old format that is not known",
                    "load it in PyTorch and save it again");
    const PickleResult machine = next();
    const PickleId little = machine.graph.find(machine.graph.root, "little_endian");
    if (machine.graph.kind(little) == PickleKind::boolean && machine.graph[little].integer == 0)
        throw Error(ErrorKind::format, where(), "was written on a big-endian machine, which is not read",
                    "load it in PyTorch and save it on this machine");
}

void LegacyCheckpoint::read_storages(const PickleGraph& graph, std::string_view rest) {
    const auto refuse = [this](const std::string& what) {
        throw Error(ErrorKind::format, where(), what, "the file is damaged or cut off: fetch or save it again");
    };
    std::map<std::string_view, StorageId> ids;
    std::map<std::string_view, StorageId> views;  // by their own key
    for (PickleId id = 0; id < graph.size(); ++id) {
        const auto storage = storage_id(graph, id);
        if (!storage) continue;
        const auto [known, is_new] = ids.emplace(storage->key, *storage);
        if (!is_new && known->second.bytes() != storage->bytes()) refuse("a storage has two lengths");
        if (storage->view) views.emplace(storage->view->key, *storage);
    }
    const PickleResult keys = read_pickle(rest, where());
    rest.remove_prefix(keys.size);
    std::map<std::string_view, size_t> by_key;
    for (const PickleId key : keys.graph.sequence(keys.graph.root)) {
        const auto known = ids.find(keys.graph.text(key));
        if (known == ids.end()) refuse("it holds a storage that nothing refers to, so its length is not known");
        if (rest.size() < 8) refuse("a storage is missing");
        uint64_t count = 0;
        for (size_t i = 8; i-- > 0;) count = count << 8 | uint8_t(rest[i]);
        rest.remove_prefix(8);
        const uint64_t bytes = known->second.bytes();
        if (count != known->second.count) refuse("a storage has another length than its tensors ask for");
        if (bytes > rest.size()) refuse("a storage of " + std::to_string(bytes) + " bytes is cut off");
        if (!by_key.emplace(known->first, storages_.size()).second) refuse("a storage comes twice");
        keys_.emplace_back(known->first);
        records_.push_back({storages_.size(), 0, bytes});
        storages_.push_back({reinterpret_cast<const std::byte*>(rest.data()), bytes});
        rest.remove_prefix(bytes);
    }
    for (const auto& [key, id] : ids)
        if (!by_key.contains(key)) refuse("a storage is missing");
    for (const auto& [key, id] : views) {
        if (by_key.contains(key)) continue;  // a view of the whole, under the same key
        keys_.emplace_back(key);
        records_.push_back({by_key.at(id.key), id.bytes_of(id.view->offset), id.bytes_of(id.view->count)});
    }
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
