#include "engine/base/error.h"
#include "engine/base/output_file.h"
#include "engine/formats/formats.h"
#include "engine/formats/safetensors_writer.h"
#include "engine/session/data_pruning.h"
#include "engine/sparsifiers/options_json.h"

namespace lacuna {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* metadata_key = "lacuna.data_pruning";

std::string description_of(const DataPruningState& state) {
    Json items = Json::array();
    for (const auto& item : state.items)
        items.push_back({{"name", item.name}, {"options", json_of(item.options)}, {"squashed", item.squashed}});
    return Json({{"sparsifier", state.sparsifier},
                 {"defaults", json_of(state.defaults)},
                 {"enable_mask_update", state.enable_mask_update},
                 {"steps", state.steps},
                 {"items", items}})
        .dump();
}

TensorView tensor_of(const Checkpoint& file, const std::string& name) {
    if (const auto index = file.find(name)) return file.view(*index);
    throw Error(ErrorKind::format, file.path().string(), "has no tensor " + name, "give a state that Lacuna saved");
}

DataPruningState::Item item_of(const Checkpoint& file, const Json& json) {
    DataPruningState::Item item;
    item.name = json.at("name").get<std::string>();
    item.options = options_of(json.at("options"));
    item.squashed = json.at("squashed").get<bool>();
    const TensorView values = tensor_of(file, item.name + ".data"), mask = tensor_of(file, item.name + ".mask");
    item.mask = std::make_shared<const Mask>(Mask::from_tensor(mask));
    item.dtype = values.dtype;
    item.shape = values.shape;
    item.values.resize(dtype_bytes(values.dtype, uint64_t(values.elements())));
    copy_contiguous(values, item.values.data());
    return item;
}

}  // namespace

void write_state(const DataPruningState& state, const std::filesystem::path& path, Progress& progress) {
    std::vector<SafetensorsEntry> entries;
    uint64_t total = 0;
    for (const auto& item : state.items) {
        entries.push_back({item.name + ".data", item.dtype, item.shape});
        entries.push_back({item.name + ".mask", DType::U8, item.shape});
        total += item.values.size() + uint64_t(item.mask->size());
    }
    OutputFile file(path);
    progress.begin("Writing the state", total, "B");
    ByteWriter writer(file.temporary(), path, progress);
    const auto bytes_of = [&](size_t i, std::vector<std::byte>& scratch) -> std::span<const std::byte> {
        const auto& item = state.items[i / 2];
        if (i % 2 == 0) return item.values;
        scratch.resize(size_t(item.mask->size()));
        item.mask->to_bytes({reinterpret_cast<uint8_t*>(scratch.data()), scratch.size()});
        return scratch;
    };
    write_safetensors(entries, {{metadata_key, description_of(state)}}, bytes_of, writer);
    writer.close();
    file.commit();
}

DataPruningState read_data_state(const std::filesystem::path& path) {
    const CheckpointPtr file = open_checkpoint(path);
    const auto found = file->metadata().find(metadata_key);
    if (found == file->metadata().end())
        throw Error(ErrorKind::format, path.string(), "holds no data pruning", "give a state that Lacuna saved");
    try {
        const Json json = Json::parse(found->second);
        DataPruningState state{json.at("sparsifier").get<std::string>(),
                               options_of(json.at("defaults")),
                               json.at("enable_mask_update").get<bool>(),
                               json.at("steps").get<int64_t>(),
                               {}};
        for (const auto& item : json.at("items")) state.items.push_back(item_of(*file, item));
        return state;
    } catch (const Json::exception& error) {
        throw Error(ErrorKind::format, path.string(), std::string("its description is damaged: ") + error.what(),
                    "give a state that Lacuna saved");
    }
}

}  // namespace lacuna
