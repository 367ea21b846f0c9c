#pragma once

#include <imgui.h>

#include <optional>

#include "ui/canvas/schedule_plot.h"
#include "ui/canvas/style.h"

namespace lacuna::ui {

/// A schedule's curves, level over step, with what the steps taken have measured and a mark at the step reached. The
/// pointer over a step shows its numbers. Draws with ImGui and ImPlot into the current window; knows neither Qt nor a
/// renderer.
class ScheduleView {
  public:
    /// Draws `width` × `height` logical pixels of the current window, from its upper left corner.
    void draw(const SchedulePlot& plot, const ViewStyle& style, float width, float height);

    /// The step, from 1, that the pointer was over in the last frame.
    std::optional<int> hovered_step() const { return hovered_; }
    /// Where the plot's data area was in the last frame: left, top, right, bottom; empty while nothing is scheduled.
    ImVec4 plot_area() const { return plot_area_; }
    /// The x pixel of a step in the last frame.
    float x_of(double step) const;

  private:
    void set_up_axes(const SchedulePlot& plot, bool tiny) const;
    void draw_header(const SchedulePlot& plot, const ViewStyle& style, float width) const;
    void draw_curves(const SchedulePlot& plot, const ViewStyle& style) const;
    void draw_mark(const SchedulePlot& plot, const ViewStyle& style) const;
    void draw_tip(const SchedulePlot& plot, const ViewStyle& style) const;

    std::optional<int> hovered_;
    ImVec4 plot_area_{0, 0, 0, 0};
    double x_low_ = 0, x_high_ = 1;
};

}  // namespace lacuna::ui
