#include "engine/formats/torch_zip.h"

#include <zlib.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/numbers.h"
#include "engine/formats/copy_file.h"
#include "engine/formats/pickle_reader.h"
#include "engine/formats/torchscript_names.h"
#include "engine/formats/zip_writer.h"

namespace lacuna {

namespace {

/// What torch.export.save writes: an archive_format record, or the serialized program beside the root.
bool is_exported_program(ZipArchive& archive) {
    for (const ZipRecord& record : archive.records()) {
        const size_t slash = record.name.find('/');
        const std::string name = slash == std::string::npos ? record.name : record.name.substr(slash + 1);
        if (name == "archive_format" && archive.checked_text(record).starts_with("pt2")) return true;
        if (name == "serialized_exported_program.json" || name == "models/model.json") return true;
    }
    return false;
}

}  // namespace

bool looks_like_zip(std::span<const std::byte> file) {
    const std::string_view text(reinterpret_cast<const char*>(file.data()), std::min<size_t>(file.size(), 4));
    return text == std::string_view("PK\3\4", 4) || text == std::string_view("PK\5\6", 4);
}

TorchZipCheckpoint::TorchZipCheckpoint(MappedFilePtr file) : archive_(file->bytes(), file->path().string()) {
    path_ = file->path();
    add_file(std::move(file));
    root_ = torch_archive_root(archive_, where());
    format_ = archive_.find(root_ + "constants.pkl") ? Format::torchscript : Format::torch_zip;
    read_pickle_and_code();
    finish();
}

std::string torch_archive_root(ZipArchive& archive, const std::string& where) {
    for (const ZipRecord& record : archive.records()) {
        const size_t slash = record.name.find('/');
        const std::string root = slash == std::string::npos ? "" : record.name.substr(0, slash + 1);
        if (record.name == root + "model.json")
            throw Error(ErrorKind::format, where, "is a TorchScript archive of PyTorch before 1.4, which is not read",
                        "load it with torch.jit.load and save it again");
        if (record.name != root + "data.pkl") continue;
        if (const ZipRecord* order = archive.find(root + "byteorder"))
            if (archive.checked_text(*order) == "big")
                throw Error(ErrorKind::format, where, "was written on a big-endian machine, which is not read",
                            "load it in PyTorch and save it on this machine");
        return root;
    }
    if (is_exported_program(archive))
        throw Error(ErrorKind::format, where, "is a program of torch.export (.pt2), which is not read",
                    "in Python save torch.export.load(file).state_dict with torch.save, or the module with torch.jit");
    throw Error(ErrorKind::format, where, "is a zip archive without a data.pkl, so no PyTorch file",
                "unpack it and name the checkpoint inside");
}

void TorchZipCheckpoint::read_pickle_and_code() {
    const PickleResult pickle = read_pickle(archive_.checked_text(*archive_.find(root_ + "data.pkl")), where());
    const CodeReader code = [this](const std::string& path) -> std::optional<std::string_view> {
        const ZipRecord* record = archive_.find(root_ + path);
        if (!record) return std::nullopt;
        return archive_.checked_text(*record);
    };
    NamedTensors named = format_ == Format::torchscript ? name_script_tensors(pickle.graph, code, where())
                                                        : name_tensors(pickle.graph, where());
    for (PickledTensor& tensor : named.tensors) {
        tensor.info.storage = storage_of(tensor.storage);
        tensors_.push_back(std::move(tensor.info));
    }
    layers_ = std::move(named.layers);
    notes_ = std::move(named.notes);
    if (format_ == Format::torchscript) note_constants();
}

/// torch.jit.freeze makes weights constants of the code, where they have no names any more.
void TorchZipCheckpoint::note_constants() {
    constexpr uint64_t one_number = 8;  // bytes: such constants stand in any code
    int64_t constants = 0;
    for (const ZipRecord& record : archive_.records())
        constants += record.name.starts_with(root_ + "constants/") && record.size > one_number;
    if (constants == 0) return;
    notes_.push_back(counted(constants, "tensor") + (constants == 1 ? " is" : " are") +
                     " frozen into the code as constants: not listed; to prune the weights among them, save the model "
                     "before torch.jit.freeze");
}

size_t TorchZipCheckpoint::storage_of(const StorageId& id) {
    const auto [at, is_new] = by_key_.emplace(std::string(id.key), storages_.size());
    if (is_new) {
        const std::string name = root_ + "data/" + at->first;
        const ZipRecord* record = archive_.find(name);
        if (!record)
            throw Error(ErrorKind::format, where(), "the storage " + name + " is missing",
                        "fetch or save the file again");
        const auto bytes = archive_.content(*record);
        storages_.push_back({bytes.data(), bytes.size()});
        record_of_.push_back(size_t(record - archive_.records().data()));
    }
    if (storages_[at->second].bytes < id.bytes())
        throw Error(ErrorKind::format, where(),
                    "the storage " + at->first + " has " + std::to_string(storages_[at->second].bytes) +
                        " bytes, its tensors ask for " + std::to_string(id.bytes()),
                    "fetch or save the file again");
    return at->second;
}

void TorchZipCheckpoint::write_own(PrunedStorages& pruned, ByteWriter& out) const {
    const auto record_at = [this](size_t storage) -> const ZipRecord& {
        return archive_.records()[record_of_[storage]];
    };
    for (size_t i = 0; i < storages_.size(); ++i)
        if (pruned.touches(i) && record_at(i).method != 0) return write_anew(pruned, out);
    const MappedFile& file = *mapped_.front();
    std::vector<std::pair<uint64_t, uint32_t>> checksums;
    copy_with_pruned(file, pruned, out, [&](size_t storage, std::span<const std::byte> bytes) {
        const uLong crc = crc32_z(crc32(0, nullptr, 0), reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
        for (const uint64_t place : crc_places(file.bytes(), record_at(storage)))
            checksums.emplace_back(place, uint32_t(crc));
    });
    for (const auto& [place, crc] : checksums) {
        const std::byte bytes[4] = {std::byte(crc & 0xff), std::byte(crc >> 8 & 0xff), std::byte(crc >> 16 & 0xff),
                                    std::byte(crc >> 24)};
        out.write_at(place, bytes);
    }
}

void TorchZipCheckpoint::write_anew(PrunedStorages& pruned, ByteWriter& out) const {
    std::map<size_t, size_t> storage_at;  // by record
    for (size_t i = 0; i < storages_.size(); ++i)
        if (pruned.touches(i)) storage_at[record_of_[i]] = i;
    ZipWriter zip(out);
    for (size_t i = 0; i < archive_.records().size(); ++i) {
        const ZipRecord& record = archive_.records()[i];
        if (const auto at = storage_at.find(i); at != storage_at.end())
            zip.add(record.name, pruned.bytes(at->second));
        else
            zip.add_raw(record, mapped_.front()->bytes().subspan(size_t(record.data), size_t(record.compressed)));
    }
    zip.finish();
}

}  // namespace lacuna
