#pragma once

#include <imgui.h>

#include <algorithm>
#include <optional>

#include "ui/canvas/mask_camera.h"
#include "ui/canvas/mask_tiles.h"

namespace lacuna::ui {

/// A weight by its place in the matrix.
struct Cell {
    int64_t row = 0, column = 0;
    bool operator==(const Cell&) const = default;
};

/// What the parts of the mask view's picture are drawn from.
struct MaskScene {
    const TensorDetail& detail;
    MatrixShape matrix;
    const MaskCamera& camera;
    BlockShape block;
    const ViewStyle& style;
    MaskMode mode;
    ImVec2 low, high;  ///< the room's corners on the canvas
    float density;     ///< physical pixels a logical one
    std::optional<Cell> hovered;

    /// The picture's left or upper edge, where it lies inside the room: the rulers stand there.
    float left_edge() const { return std::max(low.x, at(0, 0).x); }
    float top_edge() const { return std::max(low.y, at(0, 0).y); }
    ImVec2 at(double column, double row) const {
        return {low.x + float(camera.x_of(column)), low.y + float(camera.y_of(row))};
    }
};

/// The level at which a texel covers one to two physical pixels: 0 for a weight that is that large itself.
int level_for(double scale, double density);
/// The tile that holds the whole matrix.
TileKey overview_key(const MatrixShape& matrix);

/// The picture from tiles; missing ones are shown from coarser ones.
void draw_tiles(const MaskScene& scene, TileCache& tiles);
/// Lines between weights, outlines of blocks, and the weights' values, each where cells are large enough for it.
void draw_cells(const MaskScene& scene);
/// The hovered cell and lines to the rulers.
void draw_crosshair(const MaskScene& scene);
/// Row and column numbers beside the picture, `width` and `height` pixels deep.
void draw_rulers(const MaskScene& scene, float width, float height);

/// Where the minimap lies; empty while everything is visible anyway.
std::optional<ImVec4> minimap_box(const MaskScene& scene);
void draw_minimap(const MaskScene& scene, TileCache& tiles, const ImVec4& box);

}  // namespace lacuna::ui
