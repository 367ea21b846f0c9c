#pragma once

#include <optional>
#include <string>

#include "engine/session/session.h"
#include "ui/canvas/mask_picture.h"

namespace lacuna::ui {

/// What happened in the mask view in one frame.
struct MaskViewAction {
    struct Hover {
        Cell cell;
        double value = 0;
        bool kept = true;
        bool zero = false;  ///< kept although it is zero in the file
        const char* state() const { return !kept ? "pruned" : zero ? "zero in the file" : "kept"; }
        std::string text;  ///< "row 3, column 17 (input 1, kernel 2, 0): -0.0213, pruned"
    };
    std::optional<Hover> hover;
    bool incomplete = false;  ///< tiles are missing: draw another frame
};

/// The mask of one tensor as a picture of its matrix, from all of it down to single weights. Draws with ImGui into the
/// current window; knows neither Qt nor a renderer. Keys: + − 0 (everything) 1 (a pixel a weight), arrows, M (mode).
class MaskView {
  public:
    /// Draws `width` × `height` logical pixels of the current window, from its upper left corner. `detail` may be null.
    /// `block` is the sparsifier's block shape, outlined where cells are large.
    MaskViewAction draw(const TensorDetailPtr& detail, BlockShape block, const ViewStyle& style, float width,
                        float height);

    MaskMode mode() const { return mode_; }
    void set_mode(MaskMode mode) { mode_ = mode; }
    MaskCamera& camera() { return camera_; }
    const TileCache& tiles() const { return tiles_; }
    /// The picture's room in the last frame: left, top, right, bottom.
    ImVec4 room() const { return room_; }

  private:
    /// Where the parts of the view lie on the canvas.
    struct Layout {
        float width, height;
        float toolbar_bottom;
        float ruler_width, ruler_height;
        ImVec2 low, high;  ///< the picture
        float strip_top;
        bool roomy;                    ///< enough for rulers and a legend
        int64_t across = 1, down = 1;  ///< weights that a pixel of the picture is the mean of
    };
    Layout lay_out(const MatrixShape& matrix, const ViewStyle& style, float width, float height) const;
    void draw_toolbar(const Layout& layout, const ViewStyle& style);
    void take_input(const MatrixShape& matrix, std::optional<ImVec4> minimap);
    void take_keys();
    std::optional<Cell> hovered_cell(const MatrixShape& matrix) const;
    void draw_strip(const Layout& layout, const TensorDetail& detail, const ViewStyle& style,
                    const std::optional<MaskViewAction::Hover>& hover) const;
    float draw_legend(const Layout& layout, const TensorDetail& detail, const ViewStyle& style) const;

    MaskMode mode_ = MaskMode::weights;
    MaskCamera camera_;
    TileCache tiles_;
    ImVec4 room_{0, 0, 0, 0};
    bool over_picture_ = false, in_minimap_ = false;
    const void* shown_ = nullptr;  ///< the weights that the camera was set for
};

/// What the view says of a weight: its place, for convolutions also in the kernel, its value and its state.
MaskViewAction::Hover describe_weight(const TensorDetail& detail, Cell cell);

}  // namespace lacuna::ui
