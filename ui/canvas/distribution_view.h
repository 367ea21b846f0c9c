#pragma once

#include <imgui.h>

#include <optional>
#include <string>
#include <vector>

#include "engine/session/session.h"
#include "ui/canvas/style.h"

namespace lacuna::ui {

/// What happened in the distribution view in one frame.
struct DistributionViewAction {
    std::optional<double> level;  ///< a sparsity level that was asked for, in steps of 0.001
    bool dragging = false;        ///< more levels will follow
    bool released = false;        ///< this was the last of a drag
};

/// The histogram of one tensor's weights, kept and pruned told apart, with lines at plus and minus the threshold.
/// Under a schedule the lines stand at the next step's level, and paler ones at the tensor's own, which is the one to
/// drag. Dragging a line, or the arrow keys (Shift: finer; Page: coarser; Home and End), asks for another sparsity
/// level. Draws with ImGui and ImPlot into the current window; knows neither Qt nor a renderer.
class DistributionView {
  public:
    /// Draws `width` × `height` logical pixels of the current window, from its upper left corner. `detail` may be null.
    DistributionViewAction draw(const TensorDetailPtr& detail, const ViewStyle& style, float width, float height);

    bool logarithmic() const { return logarithmic_; }
    void set_logarithmic(bool on) { logarithmic_ = on; }
    /// Heights of the bars, of all weights and of the pruned ones among them: neighbouring bins together where there
    /// are few weights.
    const std::vector<double>& bars() const { return all_; }
    const std::vector<double>& pruned_bars() const { return pruned_; }
    /// Where the plot's data area was in the last frame: left, top, right, bottom.
    ImVec4 plot_area() const { return plot_area_; }
    /// The x pixel of a weight in the last frame.
    float x_of(double weight) const;

  private:
    /// A new detail may show the level that was asked for.
    void take_answer(const TensorDetail& detail);
    void update_bars(const TensorDetail& detail);
    void draw_header(const TensorDetail& detail, const ViewStyle& style, float width);
    void draw_plot(const TensorDetail& detail, const ViewStyle& style, ImVec2 at, ImVec2 size,
                   DistributionViewAction& action);
    void draw_bars(const ViewStyle& style) const;
    void drag_lines(const TensorDetail& detail, const ViewStyle& style, DistributionViewAction& action);
    void draw_step_lines(const TensorDetail& detail, const ViewStyle& style) const;
    void draw_label(const std::string& text, double threshold, int row, const ViewStyle& style) const;
    void nudge(const TensorDetail& detail, DistributionViewAction& action);
    void ask_for(double level, bool dragging, DistributionViewAction& action);
    /// The level and threshold to show: those asked for until a detail brings them.
    std::optional<double> shown_level(const TensorDetail& detail) const;
    double threshold_at(const TensorDetail& detail, double level) const;

    bool logarithmic_ = false;
    TensorDetailPtr bars_of_;
    std::vector<double> centres_, all_, pruned_;
    double bar_width_ = 0, highest_ = 0;

    std::shared_ptr<const WeightBins> framed_;  ///< the bins that the horizontal axis was set to
    bool held_ = false;                         ///< a line is held with the mouse
    bool nudging_ = false;                      ///< an arrow key is held
    std::optional<double> held_at_;             ///< |w| under the pointer while a line is held
    std::optional<double> asked_;               ///< a level that no detail has shown yet
    int late_answers_ = 0;                      ///< details that came since and show another level
    ImVec4 plot_area_{0, 0, 0, 0};
    double x_low_ = 0, x_high_ = 1;
};

}  // namespace lacuna::ui
