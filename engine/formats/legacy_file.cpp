#include "engine/formats/legacy_file.h"

#include <map>

#include "engine/base/error.h"
#include "engine/formats/torch_tensors.h"

namespace lacuna {
namespace {

constexpr std::string_view magic_digits = "119547037146038801333356";
constexpr std::string_view magic_bytes("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr int64_t known_version = 1001;

/// Goes through the file from front to back.
class LegacyReader {
  public:
    LegacyReader(std::string_view file, const std::string& where) : rest_(file), where_(where) {}

    LegacyFile read() {
        check_header();
        const std::string_view at = rest_;
        file_.pickle = next_pickle();
        file_.pickle_bytes = at.substr(0, file_.pickle.size);
        collect_ids();
        const PickleResult keys = next_pickle();
        for (const PickleId key : keys.graph.sequence(keys.graph.root)) take_storage(keys.graph.text(key));
        for (const auto& [key, id] : ids_)
            if (!by_key_.contains(key)) refuse("a storage is missing");
        for (const auto& [key, id] : views_) {
            if (by_key_.contains(key)) continue;  // a view of the whole, under the same key
            file_.views.push_back(
                {std::string(key), by_key_.at(id.key), id.bytes_of(id.view->offset), id.bytes_of(id.view->count)});
        }
        return std::move(file_);
    }

  private:
    [[noreturn]] void refuse(const std::string& what) const {
        throw Error(ErrorKind::format, where_, what, "the file is damaged or cut off: fetch or save it again");
    }

    PickleResult next_pickle() {
        PickleResult pickle = read_pickle(rest_, where_);
        rest_.remove_prefix(pickle.size);
        return pickle;
    }

    void check_header() {
        const PickleResult magic = next_pickle();
        const std::string_view number = magic.graph.text(magic.graph.root);
        if (magic.graph.kind(magic.graph.root) != PickleKind::big_integer ||
            (number != magic_bytes && number != magic_digits))
            throw Error(ErrorKind::format, where_, "is a Python pickle, but not one that torch.save wrote",
                        "save its tensors with torch.save or as safetensors");
        const PickleResult version = next_pickle();
        if (version.graph[version.graph.root].integer != known_version)
            throw Error(ErrorKind::format, where_, "is of a version of PyTorch's old format that is not known",
                        "load it in PyTorch and save it again");
        const PickleResult machine = next_pickle();
        const PickleId little = machine.graph.find(machine.graph.root, "little_endian");
        if (machine.graph.kind(little) == PickleKind::boolean && machine.graph[little].integer == 0)
            throw Error(ErrorKind::format, where_, "was written on a big-endian machine, which is not read",
                        "load it in PyTorch and save it on this machine");
    }

    /// The storages that the object names, with their lengths.
    void collect_ids() {
        const PickleGraph& graph = file_.pickle.graph;
        for (PickleId id = 0; id < graph.size(); ++id) {
            const auto storage = storage_id(graph, id);
            if (!storage) continue;
            const auto [known, is_new] = ids_.emplace(storage->key, *storage);
            if (!is_new && known->second.bytes() != storage->bytes()) refuse("a storage has two lengths");
            if (storage->view) views_.emplace(storage->view->key, *storage);
        }
    }

    void take_storage(std::string_view key) {
        const auto known = ids_.find(key);
        if (known == ids_.end()) refuse("it holds a storage that nothing refers to, so its length is not known");
        if (rest_.size() < 8) refuse("a storage is missing");
        uint64_t count = 0;
        for (size_t i = 8; i-- > 0;) count = count << 8 | uint8_t(rest_[i]);
        rest_.remove_prefix(8);
        const uint64_t bytes = known->second.bytes();
        if (count != known->second.count) refuse("a storage has another length than its tensors ask for");
        if (bytes > rest_.size()) refuse("a storage of " + std::to_string(bytes) + " bytes is cut off");
        if (!by_key_.emplace(known->first, file_.storages.size()).second) refuse("a storage comes twice");
        file_.storages.push_back({std::string(known->first), std::as_bytes(std::span(rest_.data(), bytes))});
        rest_.remove_prefix(bytes);
    }

    std::string_view rest_;
    const std::string& where_;
    LegacyFile file_;
    std::map<std::string_view, StorageId> ids_;
    std::map<std::string_view, StorageId> views_;  // by their own key
    std::map<std::string_view, size_t> by_key_;    // into the storages
};

}  // namespace

LegacyFile read_legacy_file(std::string_view file, const std::string& where) {
    return LegacyReader(file, where).read();
}

}  // namespace lacuna
