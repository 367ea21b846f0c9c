#pragma once

#include <array>
#include <cstdint>

namespace lacuna::ui {

/// What views need of a theme, in ImGui's terms: colours as 0xAABBGGRR, sizes in logical pixels.
struct ViewStyle {
    bool dark = false;
    uint32_t surface, raised, hovered, border, grid;
    uint32_t text, muted, accent, on_accent, warning;
    uint32_t kept, pruned, gap, zero, own_zero, negative, positive;
    uint32_t magnitude_low, magnitude_middle, magnitude_high;
    uint32_t threshold;
    std::array<uint32_t, 6> series;
    float small_text = 11, body_text = 13;
    float tight = 4, space = 8, wide = 12;
    float radius = 4;
};

/// `colour` with another opacity, 0…1 of its own.
constexpr uint32_t faded(uint32_t colour, float opacity) {
    return (colour & 0x00ffffffu) | uint32_t(float(colour >> 24) * opacity + 0.5f) << 24;
}

/// Between two colours, byte by byte: `a` at 0, `b` at 1.
constexpr uint32_t between(uint32_t a, uint32_t b, float t) {
    uint32_t result = 0;
    for (int shift = 0; shift < 32; shift += 8) {
        const float from = float(a >> shift & 0xff), to = float(b >> shift & 0xff);
        result |= uint32_t(from + (to - from) * t + 0.5f) << shift;
    }
    return result;
}

}  // namespace lacuna::ui
