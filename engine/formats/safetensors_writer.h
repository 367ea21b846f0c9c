#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/formats/byte_writer.h"
#include "engine/tensor/tensor_view.h"

namespace lacuna {

/// One tensor of a safetensors file to be written.
struct SafetensorsEntry {
    std::string name;
    DType dtype = DType::F32;
    Shape shape;
};

/// Where everything lies in a safetensors file. Its header lists the entries in the order given; their data is laid out
/// by falling element size, so that every tensor is aligned.
struct SafetensorsLayout {
    std::string head;              ///< length and header: the file up to the data
    std::vector<size_t> order;     ///< entries as their data follows one another
    std::vector<uint64_t> places;  ///< of each entry's data, from the file's start
    uint64_t bytes = 0;            ///< of the whole file
};
/// Throws Error(argument) for a dtype that safetensors has not.
SafetensorsLayout safetensors_layout(const std::vector<SafetensorsEntry>& entries,
                                     const std::map<std::string, std::string>& metadata);

/// Gives entry `index`'s bytes, row-major; `scratch` is room that may hold them.
using SafetensorsBytes = std::function<std::span<const std::byte>(size_t index, std::vector<std::byte>& scratch)>;

/// Writes a safetensors file. Throws Error(argument) for a dtype that safetensors has not.
void write_safetensors(const std::vector<SafetensorsEntry>& entries, const std::map<std::string, std::string>& metadata,
                       const SafetensorsBytes& bytes_of, ByteWriter& out);

}  // namespace lacuna
