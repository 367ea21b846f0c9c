#pragma once

#include <imgui.h>
#include <imgui_internal.h>

#include "ui/canvas/canvas.h"
#include "ui/canvas/context.h"
#include "ui/canvas/renderer.h"
#include "ui/theme.h"

namespace lacuna::ui {

/// Frames of a view without pixels: made-up events go in, nothing is drawn.
class Harness {
  public:
    explicit Harness(float width = 640, float height = 480, float scale = 1)
        : width_(width), height_(height), scale_(scale) {
        context_.set_style(style);
        ImGuiIO& io = ImGui::GetIO();
        io.BackendFlags |= ImGuiBackendFlags_RendererHasTextures | ImGuiBackendFlags_RendererHasVtxOffset;
    }
    ~Harness() { context_.enter(); }

    /// One frame in which `draw` calls ImGui; 1/60 s after the last one.
    template <typename Draw>
    auto frame(Draw draw) {
        context_.begin_frame(width_, height_, scale_, 1.0f / 60);
        auto result = draw();
        context_.end_frame();
        acknowledge_textures(*ImGui::GetDrawData());
        return result;
    }

    void move(float x, float y) { io().AddMousePosEvent(x, y); }
    void press() { io().AddMouseButtonEvent(0, true); }
    void release() { io().AddMouseButtonEvent(0, false); }
    void wheel(float notches) { io().AddMouseWheelEvent(0, notches); }
    void key(ImGuiKey key, bool down) { io().AddKeyEvent(key, down); }
    void resize(float width, float height) { width_ = width, height_ = height; }
    float width() const { return width_; }
    float height() const { return height_; }

    const ViewStyle style = view_style(Theme::of(false));

  private:
    ImGuiIO& io() {
        context_.enter();
        return ImGui::GetIO();
    }
    Context context_;
    float width_, height_, scale_;
};

}  // namespace lacuna::ui
