#include "ui/canvas/mask_view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "ui/canvas/text.h"
#include "ui/canvas/toolbar.h"

namespace lacuna::ui {
namespace {

constexpr double tile_budget_ms = 1.2;  ///< of a frame, for painting tiles
constexpr double wheel_step = 1.25, key_step = 1.5;
constexpr float arrow_step = 48;
constexpr float small_room = 220;  ///< below this height rulers and legend give way to the picture

constexpr std::array mode_names{"Weights", "Mask", "Magnitude"};

}  // namespace

MaskView::Layout MaskView::lay_out(const MatrixShape& matrix, const ViewStyle& style, float width, float height) const {
    Layout l{};
    l.width = width, l.height = height;
    l.roomy = height >= small_room && width >= small_room;
    l.toolbar_bottom = style.space + ImGui::GetFrameHeight();
    const std::string widest = std::to_string(std::max<int64_t>(0, matrix.rows - 1));
    const SmallText small(style);
    l.ruler_width = l.roomy ? ImGui::CalcTextSize(widest.c_str()).x + 12 : 0;
    l.ruler_height = l.roomy ? ImGui::GetFontSize() + 8 : 0;
    l.strip_top = height - style.space - style.body_text - 4;
    l.low = {style.space + l.ruler_width, l.toolbar_bottom + style.space + l.ruler_height};
    l.high = {width - style.wide, l.strip_top - style.space};
    l.high.x = std::max(l.high.x, l.low.x + 1);
    l.high.y = std::max(l.high.y, l.low.y + 1);
    return l;
}

MaskViewAction MaskView::draw(const TensorDetailPtr& detail, BlockShape block, const ViewStyle& style, float width,
                              float height) {
    MaskViewAction action;
    if (!detail) {
        draw_notice(style, {0, 0}, {width, height}, "Select a layer to see its mask",
                    "Kept weights are drawn in colour, pruned ones as gaps.");
        return action;
    }
    const MatrixShape matrix = matrix_shape(detail->weight.shape);
    if (matrix.rows <= 0 || matrix.columns <= 0 || !detail->mask) {
        draw_notice(style, {0, 0}, {width, height}, "This tensor has no weights",
                    to_string(detail->weight.shape).c_str());
        return action;
    }
    if (!is_floating(detail->weight.dtype)) {
        draw_notice(style, {0, 0}, {width, height}, "Only floating tensors are pruned",
                    ("This one is " + std::string(dtype_name(detail->weight.dtype)) + ".").c_str());
        return action;
    }
    if (shown_ != detail->weight.data) camera_.fit();
    shown_ = detail->weight.data;
    Layout layout = lay_out(matrix, style, width, height);
    room_ = {layout.low.x, layout.low.y, layout.high.x, layout.high.y};
    const float density =
        std::round(ImGui::GetIO().DisplayFramebufferScale.x * 1000) / 1000;  // without the room for rounding
    camera_.set_room(matrix, double(layout.high.x - layout.low.x), double(layout.high.y - layout.low.y),
                     double(density));
    layout.across = int64_t(1) << level_for(camera_.scale_x(), double(density));
    layout.down = int64_t(1) << level_for(camera_.scale_y(), double(density));
    draw_toolbar(layout, style);

    MaskScene scene{*detail, matrix, camera_, block, style, mode_, layout.low, layout.high, density, {}};
    take_input(matrix, minimap_box(scene));
    scene.mode = mode_;
    scene.hovered = hovered_cell(matrix);
    if (scene.hovered) action.hover = describe_weight(*detail, *scene.hovered);

    tiles_.begin_frame(detail, mode_, style, tile_budget_ms);
    ImGui::PushClipRect({layout.low.x - 1, layout.low.y - 1}, {layout.high.x + 1, layout.high.y + 1}, true);
    draw_tiles(scene, tiles_);
    draw_cells(scene);
    draw_crosshair(scene);
    ImGui::PopClipRect();
    if (const auto box = minimap_box(scene)) draw_minimap(scene, tiles_, *box);
    if (layout.roomy) draw_rulers(scene, layout.ruler_width, layout.ruler_height);
    draw_strip(layout, *detail, style, action.hover);
    action.incomplete = tiles_.incomplete();
    return action;
}

void MaskView::draw_toolbar(const Layout& layout, const ViewStyle& style) {
    ImGui::SetCursorPos({style.space, style.space});
    mode_ = MaskMode(segmented("mode", mode_names, int(mode_), style));
    const double shown =
        std::min(camera_.scale_x(), camera_.scale_y()) * double(ImGui::GetIO().DisplayFramebufferScale.x);
    char zoom[32];
    std::snprintf(zoom, sizeof zoom, shown < 0.1 ? "%.1f\u00a0%%" : "%.0f\u00a0%%", shown * 100);
    const float gap = style.tight;
    const float square = ImGui::GetFrameHeight();
    const float buttons = 2 * square + button_width("Fit") + button_width("1:1") + 3 * gap;
    const float modes = ImGui::GetItemRectMax().x;
    float x = layout.width - style.wide - buttons;
    if (x < modes + style.space) return;
    const float label = ImGui::CalcTextSize(zoom).x;
    if (x - label - style.wide > modes + style.space) {
        ImGui::SetCursorPos({x - label - style.wide, style.space + ImGui::GetStyle().FramePadding.y});
        ImGui::TextDisabled("%s", zoom);
    }
    const double middle_x = double(layout.high.x - layout.low.x) / 2,
                 middle_y = double(layout.high.y - layout.low.y) / 2;
    ImGui::SetCursorPos({x, style.space});
    if (tool_button("-", "Zoom out (-)", !camera_.fitted(), square)) camera_.zoom_at(1 / key_step, middle_x, middle_y);
    ImGui::SameLine(0, gap);
    if (tool_button("+", "Zoom in (+)", !camera_.closest(), square)) camera_.zoom_at(key_step, middle_x, middle_y);
    ImGui::SameLine(0, gap);
    if (tool_button("Fit", "Show everything (0)", !camera_.fitted())) camera_.fit();
    ImGui::SameLine(0, gap);
    if (tool_button("1:1", "One pixel a weight (1)", camera_.can_be_one_to_one())) camera_.one_to_one();
}

void MaskView::take_input(const MatrixShape& matrix, std::optional<ImVec4> minimap) {
    const ImVec2 low{room_.x, room_.y}, high{room_.z, room_.w};
    ImGui::SetCursorPos(low);
    ImGui::InvisibleButton("picture", {high.x - low.x, high.y - low.y},
                           ImGuiButtonFlags_MouseButtonLeft | ImGuiButtonFlags_MouseButtonMiddle);
    const ImGuiIO& io = ImGui::GetIO();
    const bool in_map = minimap && io.MousePos.x >= minimap->x && io.MousePos.x < minimap->z &&
                        io.MousePos.y >= minimap->y && io.MousePos.y < minimap->w;
    if (ImGui::IsItemActivated()) in_minimap_ = in_map;
    over_picture_ = ImGui::IsItemHovered() && !in_map;
    if (ImGui::IsItemActive() && in_minimap_ && minimap) {
        camera_.centre_on(double((io.MousePos.x - minimap->x) / (minimap->z - minimap->x)) * double(matrix.columns),
                          double((io.MousePos.y - minimap->y) / (minimap->w - minimap->y)) * double(matrix.rows));
    } else if (ImGui::IsItemActive() && (io.MouseDelta.x != 0 || io.MouseDelta.y != 0)) {
        camera_.pan(double(io.MouseDelta.x), double(io.MouseDelta.y));
    }
    if (ImGui::IsItemActive() && !in_minimap_ && !camera_.fitted()) ImGui::SetMouseCursor(ImGuiMouseCursor_ResizeAll);
    if (ImGui::IsItemHovered() && io.MouseWheel != 0)
        camera_.zoom_at(std::pow(wheel_step, double(io.MouseWheel)), double(io.MousePos.x - low.x),
                        double(io.MousePos.y - low.y));
    if (ImGui::IsItemHovered() && io.MouseWheelH != 0) camera_.pan(double(io.MouseWheelH * arrow_step), 0);
    take_keys();
}

void MaskView::take_keys() {
    const ImGuiIO& io = ImGui::GetIO();
    if (io.KeyCtrl || io.KeyAlt || io.KeySuper) return;  // those belong to the window
    const double middle_x = double(room_.z - room_.x) / 2, middle_y = double(room_.w - room_.y) / 2;
    if (ImGui::IsKeyPressed(ImGuiKey_Equal)) camera_.zoom_at(key_step, middle_x, middle_y);
    if (ImGui::IsKeyPressed(ImGuiKey_Minus)) camera_.zoom_at(1 / key_step, middle_x, middle_y);
    if (ImGui::IsKeyPressed(ImGuiKey_0, false)) camera_.fit();
    if (ImGui::IsKeyPressed(ImGuiKey_1, false) && camera_.can_be_one_to_one()) camera_.one_to_one();
    if (ImGui::IsKeyPressed(ImGuiKey_M, false)) mode_ = MaskMode((int(mode_) + 1) % int(mode_names.size()));
    const double step_x = io.KeyShift ? 1.8 * middle_x : double(arrow_step);
    const double step_y = io.KeyShift ? 1.8 * middle_y : double(arrow_step);
    if (ImGui::IsKeyPressed(ImGuiKey_LeftArrow)) camera_.pan(step_x, 0);
    if (ImGui::IsKeyPressed(ImGuiKey_RightArrow)) camera_.pan(-step_x, 0);
    if (ImGui::IsKeyPressed(ImGuiKey_UpArrow)) camera_.pan(0, step_y);
    if (ImGui::IsKeyPressed(ImGuiKey_DownArrow)) camera_.pan(0, -step_y);
}

std::optional<Cell> MaskView::hovered_cell(const MatrixShape& matrix) const {
    if (!over_picture_) return {};
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const Cell cell{int64_t(std::floor(camera_.row_at(double(mouse.y - room_.y)))),
                    int64_t(std::floor(camera_.column_at(double(mouse.x - room_.x))))};
    const bool inside = cell.row >= 0 && cell.column >= 0 && cell.row < matrix.rows && cell.column < matrix.columns;
    return inside ? std::optional(cell) : std::nullopt;
}

}  // namespace lacuna::ui
