#pragma once

#include <cstdint>

struct ImDrawData;

namespace lacuna::ui {

/// Pixels to draw into: 0xffRRGGBB, `stride` pixels from row to row.
struct Surface {
    uint32_t* pixels = nullptr;
    int width = 0, height = 0;
    int stride = 0;
};

/// An ImGui colour (0xAABBGGRR) as a pixel of a Surface, opaque.
constexpr uint32_t pixel_of(uint32_t colour) {
    return 0xff000000u | (colour & 0xff) << 16 | (colour & 0xff00) | (colour >> 16 & 0xff);
}

/// Draws a frame of ImGui's on `background` (a pixel) without a GPU: the pixels that GL would set, sampled at their
/// centres, blended in 8 bits. Texture ids are pointers to ImTextureData in RGBA32 (`acknowledge_textures` sets them).
/// Works in bands of rows on several threads; the result is the same with any number of them. Of the callbacks, only
/// the platform's sampler callbacks and the reset count; others are left out.
void rasterise(const ImDrawData& frame, uint32_t background, const Surface& surface);

}  // namespace lacuna::ui
