#pragma once

#include <cstdint>
#include <vector>

namespace lacuna::bench {

/// Weights that look like a trained layer's: sums of uniform numbers, the same in every run.
inline std::vector<float> make_weights(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    uint64_t state = 88172645463325252;
    for (float& value : values) {
        float sum = -2;
        for (int i = 0; i < 4; ++i) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            sum += float(state >> 40) * 0x1p-24f;
        }
        value = sum * 0.05f;
    }
    return values;
}

}  // namespace lacuna::bench
