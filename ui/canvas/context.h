#pragma once

#include <string>

#include "ui/canvas/style.h"

struct ImGuiContext;
struct ImPlotContext;

namespace lacuna::ui {

/// An ImGui context with its ImPlot context and its font. Several may live at once: ImGui and ImPlot each keep one
/// current context in a global, so whoever calls into them enters first.
class Context {
  public:
    Context();
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    /// Makes both contexts current.
    void enter() const;
    /// Sets colours, spacing and text size of both; enters.
    void set_style(const ViewStyle& style);

    /// Starts a frame of `width` × `height` logical pixels, `scale` physical pixels each, `seconds` after the last one,
    /// with one window that covers it all.
    void begin_frame(float width, float height, float scale, float seconds);
    /// Ends it; ImGui::GetDrawData() holds the result.
    void end_frame();

  private:
    ImGuiContext* imgui_ = nullptr;
    ImPlotContext* implot_ = nullptr;
};

/// The font file that canvases are written in; empty where the system has none of those that are known to suit (ImGui's
/// own font serves then).
const std::string& canvas_font_file();

}  // namespace lacuna::ui
