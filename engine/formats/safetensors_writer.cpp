#include "engine/formats/safetensors_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "engine/base/error.h"

namespace lacuna {
namespace {

bool in_safetensors(DType dtype) {
    switch (dtype) {
        case DType::C32:
        case DType::C128:
        case DType::QI8:
        case DType::QU8:
        case DType::QI32:
            return false;
        default:
            return true;
    }
}

/// Positions of the entries by falling element size, equal sizes in the order given.
std::vector<size_t> layout(const std::vector<SafetensorsEntry>& entries) {
    std::vector<size_t> order(entries.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return dtype_bits(entries[a].dtype) > dtype_bits(entries[b].dtype); });
    return order;
}

/// JSON text; a name that is no UTF-8 cannot be written.
std::string json_text(const nlohmann::json& value) {
    try {
        return value.dump();
    } catch (const nlohmann::json::exception&) {
        throw Error(ErrorKind::argument, "",
                    "a name or a value of the metadata is not UTF-8, which safetensors demands",
                    "export in the checkpoint's own format");
    }
}

std::string header_text(const std::vector<SafetensorsEntry>& entries, const std::vector<size_t>& order,
                        const std::map<std::string, std::string>& metadata) {
    std::vector<std::pair<uint64_t, uint64_t>> places(entries.size());
    uint64_t end = 0;
    for (const size_t i : order) {
        const uint64_t begin = end;
        end += dtype_bytes(entries[i].dtype, uint64_t(element_count(entries[i].shape)));
        places[i] = {begin, end};
    }
    std::string text = "{";
    if (!metadata.empty()) text += "\"__metadata__\":" + json_text(metadata);
    for (size_t i = 0; i < entries.size(); ++i) {
        if (text.size() > 1) text += ',';
        text += json_text(entries[i].name) + ":{\"dtype\":\"" + std::string(dtype_name(entries[i].dtype)) +
                "\",\"shape\":" + json_text(entries[i].shape) + ",\"data_offsets\":[" +
                std::to_string(places[i].first) + ',' + std::to_string(places[i].second) + "]}";
    }
    text += '}';
    text.append((8 - text.size() % 8) % 8, ' ');
    return text;
}

void write_length(uint64_t length, ByteWriter& out) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) bytes += char(length >> (8 * i) & 0xff);
    out.write(bytes);
}

}  // namespace

void write_safetensors(const std::vector<SafetensorsEntry>& entries, const std::map<std::string, std::string>& metadata,
                       const SafetensorsBytes& bytes_of, ByteWriter& out) {
    for (const SafetensorsEntry& entry : entries) {
        const std::string type(dtype_name(entry.dtype));
        if (!in_safetensors(entry.dtype))
            throw Error(ErrorKind::argument, entry.name, "is of type " + type + ", which safetensors cannot hold",
                        "export in the checkpoint's own format");
    }
    const std::vector<size_t> order = layout(entries);
    const std::string header = header_text(entries, order, metadata);
    write_length(header.size(), out);
    out.write(header);
    std::vector<std::byte> scratch;
    for (const size_t i : order) out.write(bytes_of(i, scratch));
}

}  // namespace lacuna
