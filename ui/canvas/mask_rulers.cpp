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

void draw_column_ruler(const MaskScene& s, float height) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const double scale = s.camera.scale_x();
    const int64_t step = step_for(scale, least_column_gap);
    const double shift = step == 1 && scale >= least_column_gap ? 0.5 : 0;  // wide cells are numbered in their middle
    const int64_t first = std::max<int64_t>(0, int64_t(s.camera.left()) / step * step);
    for (int64_t c = first; c < s.matrix.columns; c += step) {
        const float x = std::round(s.at(double(c) + shift, 0).x);
        if (x > s.high.x) break;
        if (x < s.low.x - 1) continue;
        list->AddRectFilled({x, s.low.y - 4}, {x + 1, s.low.y}, s.style.border);
        const std::string text = std::to_string(c);
        const float width = ImGui::CalcTextSize(text.c_str()).x;
        const float at = std::clamp(x - width / 2, s.low.x, std::max(s.low.x, s.high.x - width));
        list->AddText({std::round(at), s.low.y - height}, s.style.muted, text.c_str());
    }
    if (!s.hovered) return;
    const float half = ImGui::CalcTextSize(std::to_string(s.hovered->column).c_str()).x / 2 + 3;
    const float x = s.at(double(s.hovered->column) + 0.5, 0).x;
    draw_tag(s.style,
             {std::clamp(x, s.low.x + half, std::max(s.low.x + half, s.high.x - half)),
              s.low.y - height + ImGui::GetFontSize() / 2},
             std::to_string(s.hovered->column));
}

void draw_row_ruler(const MaskScene& s) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const double scale = s.camera.scale_y();
    const int64_t step = step_for(scale, least_row_gap);
    const double shift = step == 1 && scale >= least_row_gap ? 0.5 : 0;
    const float half = ImGui::GetFontSize() / 2;
    const int64_t first = std::max<int64_t>(0, int64_t(s.camera.top()) / step * step);
    for (int64_t r = first; r < s.matrix.rows; r += step) {
        const float y = std::round(s.at(0, double(r) + shift).y);
        if (y > s.high.y) break;
        if (y < s.low.y - 1) continue;
        list->AddRectFilled({s.low.x - 4, y}, {s.low.x, y + 1}, s.style.border);
        const std::string text = std::to_string(r);
        const float width = ImGui::CalcTextSize(text.c_str()).x;
        const float at = std::clamp(y - half, s.low.y, std::max(s.low.y, s.high.y - 2 * half));
        list->AddText({std::round(s.low.x - 7 - width), std::round(at)}, s.style.muted, text.c_str());
    }
    if (!s.hovered) return;
    const std::string text = std::to_string(s.hovered->row);
    const float y = s.at(0, double(s.hovered->row) + 0.5).y;
    draw_tag(s.style,
             {s.low.x - 7 - ImGui::CalcTextSize(text.c_str()).x / 2, std::clamp(y, s.low.y + half, s.high.y - half)},
             text);
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
