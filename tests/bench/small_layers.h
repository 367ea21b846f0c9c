#pragma once

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/bench/weights.h"
#include "tests/support/safetensors_file.h"

namespace lacuna::bench {

inline constexpr int small_layers = 20'000;
inline constexpr int64_t small_side = 64;

/// A model of very many layers of 64 × 64 weights, ten to a block.
inline std::filesystem::path write_small_layers(const std::filesystem::path& path, int layers = small_layers) {
    constexpr int64_t weights = small_side * small_side;
    const std::vector<float> values = make_weights(weights * layers);
    std::vector<testing_support::TestTensor> tensors;
    for (int i = 0; i < layers; ++i) {
        std::string bytes(size_t(weights) * sizeof(float), '\0');
        std::memcpy(bytes.data(), values.data() + i * weights, bytes.size());
        tensors.push_back({"blocks." + std::to_string(i / 10) + ".part" + std::to_string(i % 10) + ".weight",
                           DType::F32,
                           {small_side, small_side},
                           std::move(bytes)});
    }
    return testing_support::write_safetensors(path, tensors);
}

}  // namespace lacuna::bench
