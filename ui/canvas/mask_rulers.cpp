#include <algorithm>
#include <cmath>
#include <string>

#include "ui/canvas/mask_picture.h"
#include "ui/canvas/text.h"

namespace lacuna::ui {
namespace {

constexpr double least_column_gap = 52, least_row_gap = 22;
constexpr float minimap_side = 132, minimap_least = 28, minimap_margin = 10;

/// The smallest power of two of weights that is `gap` pixels long: sizes of layers are mostly powers of two.
int64_t step_for(double scale, double gap) {
    int64_t step = 1;
    while (double(step) * scale < gap && step < int64_t(1) << 40) step *= 2;
    return step;
}

/// A number in a coloured box, over the ticks.
void draw_tag(const ViewStyle& style, ImVec2 middle, const std::string& text) {
    const ImVec2 size = ImGui::CalcTextSize(text.c_str());
    const ImVec2 low{std::round(middle.x - size.x / 2), std::round(middle.y - size.y / 2)};
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRectFilled({low.x - 3, low.y - 1}, {low.x + size.x + 3, low.y + size.y + 1}, style.accent, 3);
    list->AddText(low, style.on_accent, text.c_str());
}

/// Whether two things, `half` and `other_half` wide to both sides, come too close to be read.
bool too_close(float at, float half, float other, float other_half) {
    return std::abs(at - other) < half + other_half + 4;
}

void draw_column_ruler(const MaskScene& s, float height) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const double scale = s.camera.scale_x();
    const int64_t step = step_for(scale, least_column_gap);
    const double shift = step == 1 && scale >= least_column_gap ? 0.5 : 0;  // wide cells are numbered in their middle
    const float bottom = s.top_edge(), left = s.left_edge(), middle = bottom - height + ImGui::GetFontSize() / 2;
    const auto half_of = [](int64_t number) { return ImGui::CalcTextSize(std::to_string(number).c_str()).x / 2; };
    const auto inside = [&](float x, float half) {
        return std::clamp(x, left + half, std::max(left + half, s.high.x - half));
    };
    float tag = -1e6f, tag_half = 0;
    if (s.hovered) {
        tag_half = half_of(s.hovered->column) + 3;
        tag = inside(s.at(double(s.hovered->column) + 0.5, 0).x, tag_half);
        draw_tag(s.style, {tag, middle}, std::to_string(s.hovered->column));
    }
    for (int64_t c = std::max<int64_t>(0, int64_t(s.camera.left()) / step * step); c < s.matrix.columns; c += step) {
        const float x = std::round(s.at(double(c) + shift, 0).x);
        if (x > s.high.x) break;
        if (x < s.low.x - 1) continue;
        list->AddRectFilled({x, bottom - 5}, {x + 1, bottom - 1}, s.style.border);
        const float half = half_of(c), at = inside(x, half);
        if (too_close(at, half, tag, tag_half)) continue;
        list->AddText({std::round(at - half), bottom - height}, s.style.muted, std::to_string(c).c_str());
    }
}

void draw_row_ruler(const MaskScene& s) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const double scale = s.camera.scale_y();
    const int64_t step = step_for(scale, least_row_gap);
    const double shift = step == 1 && scale >= least_row_gap ? 0.5 : 0;
    const float half = ImGui::GetFontSize() / 2, right = s.left_edge(), top = s.top_edge();
    const auto inside = [&](float y) { return std::clamp(y, top + half, std::max(top + half, s.high.y - half)); };
    const auto width_of = [](int64_t number) { return ImGui::CalcTextSize(std::to_string(number).c_str()).x; };
    float tag = -1e6f;
    if (s.hovered) {
        tag = inside(s.at(0, double(s.hovered->row) + 0.5).y);
        draw_tag(s.style, {right - 8 - width_of(s.hovered->row) / 2, tag}, std::to_string(s.hovered->row));
    }
    for (int64_t r = std::max<int64_t>(0, int64_t(s.camera.top()) / step * step); r < s.matrix.rows; r += step) {
        const float y = std::round(s.at(0, double(r) + shift).y);
        if (y > s.high.y) break;
        if (y < s.low.y - 1) continue;
        list->AddRectFilled({right - 5, y}, {right - 1, y + 1}, s.style.border);
        const float at = inside(y);
        if (too_close(at, half, tag, half)) continue;
        list->AddText({std::round(right - 8 - width_of(r)), std::round(at - half)}, s.style.muted,
                      std::to_string(r).c_str());
    }
}

}  // namespace

void draw_rulers(const MaskScene& s, float width, float height) {
    if (width <= 0 || height <= 0) return;
    const SmallText small(s.style);
    draw_column_ruler(s, height);
    draw_row_ruler(s);
}

std::optional<ImVec4> minimap_box(const MaskScene& s) {
    const ImVec2 room{s.high.x - s.low.x, s.high.y - s.low.y};
    if (s.camera.fitted() || room.x < 2.5f * minimap_side || room.y < 2 * minimap_side) return {};
    const float longer = float(std::max(s.matrix.columns, s.matrix.rows));
    const float width = std::max(minimap_least, minimap_side * float(s.matrix.columns) / longer);
    const float height = std::max(minimap_least, minimap_side * float(s.matrix.rows) / longer);
    const ImVec2 high{s.high.x - minimap_margin, s.high.y - minimap_margin};
    return ImVec4(high.x - width, high.y - height, high.x, high.y);
}

void draw_minimap(const MaskScene& s, TileCache& tiles, const ImVec4& box) {
    const TileKey key = overview_key(s.matrix);
    ImTextureData* texture = tiles.tile(key);
    if (!texture) return;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const TileExtent extent = tile_extent(s.matrix, key);
    list->AddRectFilled({box.x - 4, box.y - 4}, {box.z + 4, box.w + 4}, s.style.surface, s.style.radius);
    list->AddImage(texture->GetTexRef(), {box.x, box.y}, {box.z, box.w}, {0, 0},
                   {float(extent.width) / tile_side, float(extent.height) / tile_side});
    list->AddRect({box.x - 4, box.y - 4}, {box.z + 4, box.w + 4}, s.style.border, s.style.radius);
    const auto x = [&](double column) {
        return box.x + float(std::clamp(column / double(s.matrix.columns), 0.0, 1.0)) * (box.z - box.x);
    };
    const auto y = [&](double row) {
        return box.y + float(std::clamp(row / double(s.matrix.rows), 0.0, 1.0)) * (box.w - box.y);
    };
    const ImVec2 low{x(s.camera.left()), y(s.camera.top())};
    const ImVec2 high{x(s.camera.column_at(s.high.x - s.low.x)), y(s.camera.row_at(s.high.y - s.low.y))};
    // At least a few pixels, or nobody would find the frame on a large matrix.
    const ImVec2 end{std::max(high.x, low.x + 4), std::max(high.y, low.y + 4)};
    list->AddRect({low.x - 1, low.y - 1}, {end.x + 1, end.y + 1}, s.style.surface, 0.0f, 3.0f);
    list->AddRect(low, end, s.style.accent, 0.0f, 2.0f);
}

}  // namespace lacuna::ui
