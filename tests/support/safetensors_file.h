#pragma once

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "engine/tensor/tensor_view.h"

namespace lacuna::testing_support {

/// A tensor for a test's file.
struct TestTensor {
    std::string name;
    DType dtype = DType::F32;
    Shape shape;
    std::string bytes;
};

template <class T>
TestTensor tensor_of(std::string name, DType dtype, Shape shape, const std::vector<T>& values) {
    std::string bytes(values.size() * sizeof(T), '\0');
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return {std::move(name), dtype, std::move(shape), std::move(bytes)};
}

/// Normally distributed F32 weights; the same seed gives the same weights.
inline TestTensor random_weights(std::string name, Shape shape, unsigned seed = 1) {
    std::mt19937 engine(seed);
    std::vector<float> values(size_t(element_count(shape)));
    for (float& value : values) {  // Box-Muller: the library's own distribution may differ between versions
        const double u = (engine() + 1.0) / 4294967297.0, v = engine() / 4294967296.0;
        value = float(std::sqrt(-2 * std::log(u)) * std::cos(6.283185307179586 * v));
    }
    return tensor_of(std::move(name), DType::F32, std::move(shape), values);
}

/// Writes a safetensors file with the tensors in this order.
inline std::filesystem::path write_safetensors(const std::filesystem::path& path,
                                               const std::vector<TestTensor>& tensors,
                                               const nlohmann::ordered_json& metadata = nullptr) {
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.is_null()) header["__metadata__"] = metadata;
    size_t offset = 0;
    for (const TestTensor& tensor : tensors) {
        header[tensor.name] = {{"dtype", dtype_name(tensor.dtype)},
                               {"shape", tensor.shape},
                               {"data_offsets", {offset, offset + tensor.bytes.size()}}};
        offset += tensor.bytes.size();
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const uint64_t size = text.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&size), 8);
    file << text;
    for (const TestTensor& tensor : tensors) file << tensor.bytes;
    return path;
}

}  // namespace lacuna::testing_support
