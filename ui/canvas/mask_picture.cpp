#include "ui/canvas/mask_picture.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "ui/canvas/text.h"

namespace lacuna::ui {
namespace {

constexpr double grid_from = 7, grid_full = 28;  ///< cell sizes at which lines appear and are at their strongest
constexpr double blocks_from = 10;               ///< width or height of a block, in pixels
constexpr double values_width = 34, values_height = 16;

struct Range {
    int64_t begin, end;
};

Range visible(double first, double last, int64_t count) {
    return {std::clamp<int64_t>(int64_t(std::floor(first)), 0, count),
            std::clamp<int64_t>(int64_t(std::ceil(last)), 0, count)};
}

Range visible_columns(const MaskScene& s) {
    return visible(s.camera.left(), s.camera.column_at(s.high.x - s.low.x), s.matrix.columns);
}

Range visible_rows(const MaskScene& s) {
    return visible(s.camera.top(), s.camera.row_at(s.high.y - s.low.y), s.matrix.rows);
}

/// Draws the part of `shown` that stands where tile `wanted` is to be.
void draw_part(const MaskScene& s, const TileKey& wanted, const TileKey& shown, ImTextureData& texture) {
    const auto from_x = double(wanted.x * tile_side) * std::exp2(wanted.level_x);
    const auto from_y = double(wanted.y * tile_side) * std::exp2(wanted.level_y);
    const double to_x = std::min(double(s.matrix.columns), from_x + tile_side * std::exp2(wanted.level_x));
    const double to_y = std::min(double(s.matrix.rows), from_y + tile_side * std::exp2(wanted.level_y));
    const auto u = [&](double column) {
        return float(column / std::exp2(shown.level_x) / tile_side - double(shown.x));
    };
    const auto v = [&](double row) { return float(row / std::exp2(shown.level_y) / tile_side - double(shown.y)); };
    ImGui::GetWindowDrawList()->AddImage(texture.GetTexRef(), s.at(from_x, from_y), s.at(to_x, to_y),
                                         {u(from_x), v(from_y)}, {u(to_x), v(to_y)});
}

void draw_stand_in(const MaskScene& s, TileCache& tiles, const TileKey& wanted) {
    for (int up = 1; up <= 3; ++up) {
        const TileKey coarser{wanted.level_x + up, wanted.level_y + up, wanted.x >> up, wanted.y >> up};
        if (ImTextureData* texture = tiles.find(coarser)) return draw_part(s, wanted, coarser, *texture);
    }
    const TileKey overview = overview_key(s.matrix);
    if (ImTextureData* texture = tiles.find(overview)) draw_part(s, wanted, overview, *texture);
}

void set_sampler(ImDrawCallback sampler) {
    if (sampler) ImGui::GetWindowDrawList()->AddCallback(sampler, nullptr);
}

void draw_lines(const MaskScene& s, int64_t every_column, int64_t every_row, uint32_t colour, float thickness) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const Range columns = visible_columns(s), rows = visible_rows(s);
    const ImVec2 low = s.at(double(columns.begin), double(rows.begin));
    const ImVec2 high = s.at(double(columns.end), double(rows.end));
    // Rectangles on whole physical pixels: crisp, and the cheapest thing there is to draw.
    const auto snapped = [&](float x) { return std::round(x * s.density) / s.density; };
    if (every_column > 0)
        for (int64_t c = (columns.begin + every_column - 1) / every_column * every_column; c <= columns.end;
             c += every_column) {
            const float x = snapped(s.at(double(c), 0).x);
            list->AddRectFilled({x, low.y}, {x + thickness, high.y}, colour);
        }
    if (every_row > 0)
        for (int64_t r = (rows.begin + every_row - 1) / every_row * every_row; r <= rows.end; r += every_row) {
            const float y = snapped(s.at(0, double(r)).y);
            list->AddRectFilled({low.x, y}, {high.x, y + thickness}, colour);
        }
}

bool shows_values(const MaskScene& s) {
    return s.camera.scale_x() >= values_width && s.camera.scale_y() >= values_height;
}

/// The most digits that fit into `room`; the 0 before the point is left out, as in printed tables.
std::string value_text(float value, float room) {
    for (int digits = 3; digits >= 1; --digits) {
        char text[32];
        std::snprintf(text, sizeof text, "%.*g", digits, double(value));
        std::string shown(text);
        if (const size_t zero = shown.find("0."); zero == 0 || (zero == 1 && shown[0] == '-')) shown.erase(zero, 1);
        if (ImGui::CalcTextSize(shown.c_str()).x <= room) return shown;
    }
    return {};
}

void draw_values(const MaskScene& s) {
    const Range columns = visible_columns(s), rows = visible_rows(s);
    const MaskColours colours(s.style, s.mode);
    const float scale = s.detail.full_scale > 0 ? float(1 / s.detail.full_scale) : 1.0f;
    std::vector<float> values(size_t(std::max<int64_t>(0, columns.end - columns.begin)));
    ImDrawList* list = ImGui::GetWindowDrawList();
    const SmallText small(s.style);
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        const int64_t first = row * s.matrix.columns + columns.begin;
        read_as_float(s.detail.weight, first, first + int64_t(values.size()), values.data());
        for (size_t i = 0; i < values.size(); ++i) {
            const bool kept = (*s.detail.mask)[first + int64_t(i)], zero = s.detail.is_zero_kept(first + int64_t(i));
            const std::string text = value_text(values[i], float(s.camera.scale_x()) - 5);
            const ImVec2 size = ImGui::CalcTextSize(text.c_str());
            const ImVec2 low = s.at(double(columns.begin) + double(i), double(row));
            const ImVec2 at{std::round(low.x + (float(s.camera.scale_x()) - size.x) / 2),
                            std::round(low.y + (float(s.camera.scale_y()) - size.y) / 2)};
            const bool hole = !kept && s.mode != MaskMode::magnitude;
            const uint32_t ink = hole ? s.style.muted : readable_on(colours.weight(values[i] * scale, kept, zero));
            list->AddText(at, ink, text.c_str());
        }
    }
}

}  // namespace

int level_for(double scale, double density) {
    const double pixels = scale * density;
    return pixels >= 1 ? 0 : std::clamp(int(std::ceil(-std::log2(pixels) - 1e-9)), 0, 40);
}

TileKey overview_key(const MatrixShape& matrix) {
    const auto level = [](int64_t weights) {
        int result = 0;
        while ((weights - 1) >> result >= tile_side) ++result;
        return result;
    };
    return {level(matrix.columns), level(matrix.rows), 0, 0};
}

void draw_tiles(const MaskScene& s, TileCache& tiles) {
    tiles.tile(overview_key(s.matrix));  // first: it stands in for whatever is not made yet
    const int level_x = level_for(s.camera.scale_x(), double(s.density));
    const int level_y = level_for(s.camera.scale_y(), double(s.density));
    const Range columns = visible_columns(s), rows = visible_rows(s);
    const int64_t across = int64_t(tile_side) << level_x, down = int64_t(tile_side) << level_y;
    ImGuiPlatformIO& platform = ImGui::GetPlatformIO();
    set_sampler(platform.DrawCallback_SetSamplerNearest);
    for (int64_t y = rows.begin / down; y * down < rows.end; ++y)
        for (int64_t x = columns.begin / across; x * across < columns.end; ++x) {
            const TileKey key{level_x, level_y, x, y};
            if (ImTextureData* texture = tiles.tile(key)) {
                draw_part(s, key, key, *texture);
            } else {
                draw_stand_in(s, tiles, key);
            }
        }
    set_sampler(platform.DrawCallback_SetSamplerLinear);
    const ImVec2 low = s.at(0, 0), high = s.at(double(s.matrix.columns), double(s.matrix.rows));
    ImGui::GetWindowDrawList()->AddRect({low.x - 1, low.y - 1}, {high.x + 1, high.y + 1}, s.style.border);
}

void draw_cells(const MaskScene& s) {
    const double x = s.camera.scale_x(), y = s.camera.scale_y();
    const double smaller = std::min(x, y);
    const float strength = float(std::clamp((smaller - grid_from) / (grid_full - grid_from), 0.0, 1.0));
    if (smaller >= grid_from) {
        draw_lines(s, 1, 1, faded(s.style.grid, 0.2f + 0.6f * strength), 1 / s.density);
    }
    const bool blocks = s.block.rows * s.block.columns > 1 && double(s.block.columns) * x >= blocks_from &&
                        double(s.block.rows) * y >= blocks_from && smaller >= grid_from;
    if (blocks) draw_lines(s, s.block.columns, s.block.rows, faded(s.style.text, 0.15f + 0.3f * strength), 1);
    if (shows_values(s)) draw_values(s);
}

void draw_crosshair(const MaskScene& s) {
    if (!s.hovered) return;
    ImDrawList* list = ImGui::GetWindowDrawList();
    const ImVec2 low = s.at(double(s.hovered->column), double(s.hovered->row));
    const ImVec2 high = s.at(double(s.hovered->column + 1), double(s.hovered->row + 1));
    const float x = std::round((low.x + high.x) / 2), y = std::round((low.y + high.y) / 2);
    const uint32_t line = faded(s.style.text, 0.35f);
    if (!shows_values(s)) {  // it would strike them through
        list->AddRectFilled({x, s.top_edge()}, {x + 1, std::min(low.y, y - 3)}, line);
        list->AddRectFilled({s.left_edge(), y}, {std::min(low.x, x - 3), y + 1}, line);
    }
    if (high.x - low.x < 5 || high.y - low.y < 5) return;
    list->AddRect({low.x - 1, low.y - 1}, {high.x + 1, high.y + 1}, s.style.surface, 0.0f, 4.0f);
    list->AddRect({low.x - 1, low.y - 1}, {high.x + 1, high.y + 1}, s.style.accent, 0.0f, 2.0f);
}

}  // namespace lacuna::ui
