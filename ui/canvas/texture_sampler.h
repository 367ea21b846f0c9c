#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace lacuna::ui {

/// Texels in ImGui's layout (0xAABBGGRR), row by row without gaps.
struct Texture {
    const uint32_t* texels;
    int width, height;
};

/// Which texels a coordinate falls on, and how much of the second one counts, of 256.
struct Tap {
    int first, second;
    uint32_t weight;
};

/// Division by 255, rounded; exact up to 255 · 255.
constexpr uint32_t over_255(uint32_t value) {
    value += 128;
    return (value + (value >> 8)) >> 8;
}

inline Tap nearest_tap(double t, int texels) {
    const int i = int(std::clamp(std::floor(t), 0.0, double(texels - 1)));
    return {i, i, 0};
}

inline Tap linear_tap(double t, int texels) {
    const double shifted = std::clamp(t - 0.5, 0.0, double(texels - 1));
    const int i = int(shifted);
    return {i, std::min(i + 1, texels - 1), uint32_t((shifted - i) * 256 + 0.5)};
}

/// a·(256 − weight) + b·weight for the four bytes of a colour, two at a time.
inline uint32_t mix(uint32_t a, uint32_t b, uint32_t weight) {
    constexpr uint32_t even = 0x00ff00ff;
    const uint32_t rest = 256 - weight;
    const uint32_t low = ((a & even) * rest + (b & even) * weight) >> 8 & even;
    const uint32_t high = ((a >> 8 & even) * rest + (b >> 8 & even) * weight) & ~even;
    return low | high;
}

inline uint32_t sample(const Texture& texture, const Tap& u, const Tap& v) {
    const uint32_t* top = texture.texels + int64_t(v.first) * texture.width;
    if ((u.weight | v.weight) == 0) return top[u.first];
    const uint32_t* bottom = texture.texels + int64_t(v.second) * texture.width;
    return mix(mix(top[u.first], top[u.second], u.weight), mix(bottom[u.first], bottom[u.second], u.weight), v.weight);
}

/// A texel multiplied with a vertex's colour, byte by byte.
inline uint32_t tinted(uint32_t texel, uint32_t colour) {
    if (texel == 0xffffffffu) return colour;
    if (colour == 0xffffffffu) return texel;
    uint32_t result = 0;
    for (int shift = 0; shift < 32; shift += 8)
        result |= over_255((texel >> shift & 0xff) * (colour >> shift & 0xff)) << shift;
    return result;
}

}  // namespace lacuna::ui
