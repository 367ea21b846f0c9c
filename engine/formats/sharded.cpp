#include <unordered_map>

#include "engine/formats/json_reader.h"
#include "engine/formats/safetensors.h"

namespace lacuna {
namespace {

/// Reads {"metadata":{…},"weight_map":{"TENSOR":"SHARD",…}}, keeping the weight_map's order.
class IndexReader : public JsonReader {
  public:
    using JsonReader::JsonReader;
    std::vector<std::pair<std::string, std::string>> weight_map;
    bool has_weight_map = false;

  private:
    bool in_weight_map() const { return path().size() == 2 && path()[0] == "weight_map"; }
    void on_start(bool array) override {
        if (in_weight_map()) fail("the shard of " + path()[1] + " is not a file name");
        if (path().size() == 1 && path()[0] == "weight_map") {
            if (array) fail("its weight_map is not an object");
            has_weight_map = true;
        }
    }
    void on_other() override {
        if (in_weight_map()) fail("the shard of " + path()[1] + " is not a file name");
    }
    void on_string(const std::string& value) override {
        if (in_weight_map()) weight_map.emplace_back(path()[1], value);
    }
};

constexpr uint64_t index_limit = 100'000'000;  // as for a header

std::vector<std::pair<std::string, std::string>> read_weight_map(const MappedFile& index) {
    const std::string where = index.path().string();
    if (index.size() > index_limit)
        throw Error(ErrorKind::format, where, "is too large for an index of shards", "name the .index.json file");
    IndexReader reader(where);
    const char* text = reinterpret_cast<const char*>(index.bytes().data());
    reader.read(text, text + index.size());
    if (!reader.has_weight_map)
        throw Error(ErrorKind::format, where, "is JSON without a weight_map, so no index of shards",
                    "name a checkpoint or its .index.json");
    return std::move(reader.weight_map);
}

void check_shard_name(const std::string& name, const std::string& where) {
    const std::filesystem::path path(name);
    bool inside = !name.empty() && !path.is_absolute() && name.find('\0') == std::string::npos && path.has_filename();
    for (const auto& part : path) inside = inside && part != ".." && part != ".";
    if (!inside)
        throw Error(ErrorKind::format, where, "the shard \"" + name + "\" is not inside the index's folder",
                    "shards lie beside their index");
}

}  // namespace

ShardedCheckpoint::ShardedCheckpoint(MappedFilePtr index) {
    format_ = Format::safetensors_sharded;
    path_ = index->path();
    const std::string where = path_.string();
    const std::vector<std::pair<std::string, std::string>> weight_map = read_weight_map(*index);
    add_file(std::move(index));

    struct Shard {
        size_t number;
        SafetensorsHeader header;
        std::unordered_map<std::string_view, size_t> by_name;
        size_t used = 0;
    };
    std::unordered_map<std::string, Shard> shards;
    const auto shard_called = [&](const std::string& name) -> Shard& {
        if (const auto at = shards.find(name); at != shards.end()) return at->second;
        check_shard_name(name, where);
        MappedFilePtr file = MappedFile::open(path_.parent_path() / name);
        if (!looks_like_safetensors(file->bytes()))
            throw Error(ErrorKind::format, file->path().string(), "is a shard that is no safetensors file",
                        "only indices of safetensors shards are read");
        Shard& shard = shards[name];
        shard.number = mapped_.size();
        shard.header = parse_safetensors_header(file->bytes(), file->path().string());
        for (size_t i = 0; i < shard.header.tensors.size(); ++i) shard.by_name[shard.header.tensors[i].name] = i;
        metadata_.insert(shard.header.metadata.begin(), shard.header.metadata.end());
        shard_names_.push_back(name);
        add_file(std::move(file));
        return shard;
    };

    for (const auto& [name, shard_name] : weight_map) {
        Shard& shard = shard_called(shard_name);
        const auto at = shard.by_name.find(name);
        if (at == shard.by_name.end())
            throw Error(ErrorKind::format, where, name + " is not in its shard " + shard_name,
                        "the index and the shards are of different versions: fetch them again");
        TensorInfo tensor = shard.header.tensors[at->second];
        const std::byte* data = mapped_[shard.number]->bytes().data() + shard.header.data_start + tensor.offset;
        tensor.offset = 0;
        tensor.storage = storages_.size();
        storages_.push_back({data, tensor.bytes()});
        tensors_.push_back(std::move(tensor));
        shard_of_.push_back(shard.number - 1);  // mapped_ begins with the index
        ++shard.used;
    }
    for (const std::string& name : shard_names_) {
        const Shard& shard = shards.at(name);
        const size_t unlisted = shard.header.tensors.size() - shard.used;
        if (unlisted)
            notes_.push_back(std::to_string(unlisted) + " tensors in " + name + " are not in the index and left alone");
    }
    finish();
}

void ShardedCheckpoint::write_own(PrunedStorages& pruned, ByteWriter& out) const {
    write_as_safetensors(pruned, out);
}

}  // namespace lacuna
