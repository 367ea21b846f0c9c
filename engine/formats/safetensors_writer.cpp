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
std::vector<size_t> order_of(const std::vector<SafetensorsEntry>& entries) {
    std::vector<size_t> order(entries.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return dtype_bits(entries[a].dtype) > dtype_bits(entries[b].dtype); });
    return order;
}

uint64_t bytes_of(const SafetensorsEntry& entry) {
    return dtype_bytes(entry.dtype, uint64_t(element_count(entry.shape)));
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

std::string header_text(const std::vector<SafetensorsEntry>& entries, const std::vector<uint64_t>& begins,
                        const std::map<std::string, std::string>& metadata) {
    std::string text = "{";
    if (!metadata.empty()) text += "\"__metadata__\":" + json_text(metadata);
    for (size_t i = 0; i < entries.size(); ++i) {
        if (text.size() > 1) text += ',';
        text += json_text(entries[i].name) + ":{\"dtype\":\"" + std::string(dtype_name(entries[i].dtype)) +
                "\",\"shape\":" + json_text(entries[i].shape) + ",\"data_offsets\":[" + std::to_string(begins[i]) +
                ',' + std::to_string(begins[i] + bytes_of(entries[i])) + "]}";
    }
    text += '}';
    text.append((8 - text.size() % 8) % 8, ' ');
    return text;
}

std::string length_bytes(uint64_t length) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) bytes += char(length >> (8 * i) & 0xff);
    return bytes;
}

}  // namespace

SafetensorsLayout safetensors_layout(const std::vector<SafetensorsEntry>& entries,
                                     const std::map<std::string, std::string>& metadata) {
    for (const SafetensorsEntry& entry : entries) {
        const std::string type(dtype_name(entry.dtype));
        if (!in_safetensors(entry.dtype))
            throw Error(ErrorKind::argument, entry.name, "is of type " + type + ", which safetensors cannot hold",
                        "export in the checkpoint's own format");
    }
    SafetensorsLayout layout{{}, order_of(entries), std::vector<uint64_t>(entries.size()), 0};
    uint64_t end = 0;
    for (const size_t i : layout.order) {
        layout.places[i] = end;
        end += bytes_of(entries[i]);
    }
    const std::string header = header_text(entries, layout.places, metadata);
    layout.head = length_bytes(header.size()) + header;
    for (uint64_t& place : layout.places) place += layout.head.size();
    layout.bytes = layout.head.size() + end;
    return layout;
}

void write_safetensors(const std::vector<SafetensorsEntry>& entries, const std::map<std::string, std::string>& metadata,
                       const SafetensorsBytes& bytes_of, ByteWriter& out) {
    const SafetensorsLayout layout = safetensors_layout(entries, metadata);
    out.write(layout.head);
    std::vector<std::byte> scratch;
    for (const size_t i : layout.order) out.write(bytes_of(i, scratch));
}

}  // namespace lacuna
