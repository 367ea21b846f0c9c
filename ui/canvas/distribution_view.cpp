#include "ui/canvas/distribution_view.h"

#include <implot.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/base/numbers.h"
#include "ui/canvas/text.h"
#include "ui/canvas/toolbar.h"

namespace lacuna::ui {
namespace {

constexpr double level_step = 0.001;  ///< levels in recipes stay readable
constexpr int most_late_answers = 3;
constexpr double headroom = 1.08;  ///< of the vertical axis, above the highest bar

/// 0 stays 0 and 1 stays visible, which a plain logarithm cannot do.
double to_log(double count, void*) {
    return std::log10(1 + std::max(0.0, count));
}
double from_log(double value, void*) {
    return std::pow(10.0, value) - 1;
}

int short_count(double value, char* out, int size, void*) {
    const double magnitude = std::abs(value);
    if (magnitude >= 1e9) return std::snprintf(out, size_t(size), "%gG", value / 1e9);
    if (magnitude >= 1e6) return std::snprintf(out, size_t(size), "%gM", value / 1e6);
    if (magnitude >= 1e3) return std::snprintf(out, size_t(size), "%gk", value / 1e3);
    return std::snprintf(out, size_t(size), "%g", value);
}

/// Few weights in many bins are spikes and no shape: the number of bars grows with the cube root of the weights'. A
/// power of two, so that 0 stays a border between bars.
size_t bins_in_a_bar(const TensorDetail& detail) {
    const size_t bins = detail.bins->all.size();
    const double bars = std::max(24.0, 4 * std::cbrt(double(detail.weight.elements())));
    size_t merged = 1;
    while (double(bins / merged) > bars && bins % (4 * merged) == 0) merged *= 2;
    return merged;
}

/// What follows a level: "below 0.0213"; "of 1×4 blocks: mean |w| below 0.0213"; without a curve what it is a share of.
std::string of_what(const TensorDetail& detail, double threshold) {
    std::string text = detail.level_of.empty() ? "" : "of " + detail.level_of;
    if (!detail.curve) return text;
    if (!text.empty()) text += ": ";
    if (!detail.threshold_of.empty()) text += detail.threshold_of + " ";
    return text + "below " + number_text(threshold);
}

/// The level of the next step, where a schedule makes it another than the tensor's own.
std::optional<double> step_level(const TensorDetail& detail) {
    if (!detail.scheduled || !detail.level || std::abs(*detail.scheduled - *detail.level) < 5e-4) return std::nullopt;
    return detail.scheduled;
}

}  // namespace

float DistributionView::x_of(double weight) const {
    return plot_area_.x + float((weight - x_low_) / (x_high_ - x_low_)) * (plot_area_.z - plot_area_.x);
}

double DistributionView::threshold_at(const TensorDetail& detail, double level) const {
    return held_at_.value_or(detail.curve->threshold_at(level));
}

std::optional<double> DistributionView::shown_level(const TensorDetail& detail) const {
    return asked_ ? asked_ : detail.level;
}

DistributionViewAction DistributionView::draw(const TensorDetailPtr& detail, const ViewStyle& style, float width,
                                              float height) {
    DistributionViewAction action;
    if (!detail || !detail->bins || detail->bins->all.empty()) {
        draw_notice(style, {0, 0}, {width, height}, "Select a layer to see how its weights are distributed",
                    "Drag the threshold there to prune it.");
        return action;
    }
    if (bars_of_ != detail) {
        take_answer(*detail);
        update_bars(*detail);
        bars_of_ = detail;
    }

    draw_header(*detail, style, width);
    const float top = style.space + ImGui::GetFrameHeight() + style.space;
    float bottom = height - style.space;
    const bool movable = detail->curve && detail->level;
    if (!movable) bottom -= style.body_text + style.space;
    draw_plot(*detail, style, {style.tight, top},
              {std::max(1.0f, width - style.tight - style.space), std::max(1.0f, bottom - top)}, action);
    if (!movable) {
        TextLine hint({style.space, bottom + style.tight}, width - style.space);
        const char* words = detail->level
                                ? "No threshold to drag: the level is not by magnitude, or too many weights share it."
                                : "Choose a sparsifier with a sparsity level to drag its threshold here.";
        if (!hint.add(words, style.muted, 0)) hint.add("No threshold to drag", style.muted, 0);
    }
    if (movable) nudge(*detail, action);
    return action;
}

void DistributionView::take_answer(const TensorDetail& detail) {
    if (!asked_) return;
    const bool other_tensor = bars_of_ && bars_of_->weight.data != detail.weight.data;
    const bool answered = detail.level && std::abs(*detail.level - *asked_) < level_step / 2;
    if (!other_tensor && (held_ || nudging_)) return;
    // Answers to earlier moments of a drag may still come in; a rule that takes another level than asked for has to
    // be believed in the end.
    if (other_tensor || answered || ++late_answers_ >= most_late_answers) asked_.reset();
}

void DistributionView::update_bars(const TensorDetail& detail) {
    const WeightBins& bins = *detail.bins;
    const size_t merged = bins_in_a_bar(detail);
    const size_t count = bins.all.size() / merged;
    bar_width_ = (bins.high - bins.low) / double(count);
    if (!(bar_width_ > 0)) bar_width_ = 1;
    centres_.resize(count), all_.assign(count, 0), pruned_.assign(count, 0);
    for (size_t i = 0; i < count; ++i) centres_[i] = bins.low + (double(i) + 0.5) * bar_width_;
    for (size_t i = 0; i < bins.all.size(); ++i) {
        all_[i / merged] += double(bins.all[i]);
        if (detail.pruned_bins && i < detail.pruned_bins->size())
            pruned_[i / merged] += double((*detail.pruned_bins)[i]);
    }
    highest_ = std::max(1.0, *std::max_element(all_.begin(), all_.end()));
}

void DistributionView::draw_header(const TensorDetail& detail, const ViewStyle& style, float width) {
    const float text_y = style.space + ImGui::GetStyle().FramePadding.y;
    const float button = button_width("Log");
    const bool room_for_button = width > button + 8 * style.space;
    TextLine line({style.wide, text_y}, width - style.wide - (room_for_button ? button + style.wide : 0));
    const auto level = shown_level(detail);
    if (const auto step = step_level(detail); step && level) {
        line.add("Scheduled " + percentage(*step), style.text, 0);
        line.add(of_what(detail, detail.curve ? detail.curve->threshold_at(*step) : 0), style.text, style.tight);
        line.add("of " + percentage(*level), style.muted, style.tight);
    } else if (level) {
        line.add(percentage(*level), style.text, 0);
        line.add(of_what(detail, detail.curve ? threshold_at(detail, *level) : 0), style.text, style.tight);
    }
    const float gap = line.x() > style.wide ? style.wide : 0;
    const float legend = ImGui::CalcTextSize("keptpruned").x + 2 * ImGui::GetFontSize() + 2 * style.tight + style.space;
    if (line.x() + gap + legend < line.end()) {  // both colours or none
        line.swatch(style.kept, style.kept, gap);
        line.add("kept", style.muted, style.tight);
        line.swatch(style.pruned, style.pruned, style.space);
        line.add("pruned", style.muted, style.tight);
    }
    const WeightBins& bins = *detail.bins;
    line.add("mean " + number_text(bins.mean, 2) + ", deviation " + number_text(bins.deviation, 2), style.muted,
             style.wide);
    if (bins.not_finite > 0) line.add(lacuna::grouped(bins.not_finite) + " not finite", style.warning, style.wide);
    if (!room_for_button) return;
    ImGui::SetCursorPos({width - style.wide - button, style.space});
    if (toggle_button("Log", "Counts on a logarithmic scale (L)", logarithmic_, style)) logarithmic_ = !logarithmic_;
    if (!ImGui::GetIO().KeyCtrl && ImGui::IsKeyPressed(ImGuiKey_L, false)) logarithmic_ = !logarithmic_;
}

void DistributionView::draw_plot(const TensorDetail& detail, const ViewStyle& style, ImVec2 at, ImVec2 size,
                                 DistributionViewAction& action) {
    ImGui::SetCursorPos(at);
    constexpr ImPlotFlags flags = ImPlotFlags_NoTitle | ImPlotFlags_NoLegend | ImPlotFlags_NoMouseText |
                                  ImPlotFlags_NoMenus | ImPlotFlags_NoBoxSelect;
    const SmallText small(style);
    ImGui::PushStyleVar(ImGuiStyleVar_FrameBorderSize, 0);
    if (!ImPlot::BeginPlot("##weights", size, flags)) return ImGui::PopStyleVar();
    const bool tiny = size.x < 160 || size.y < 110;
    const ImPlotAxisFlags bare = tiny ? ImPlotAxisFlags_NoDecorations : ImPlotAxisFlags_None;
    const WeightBins& bins = *detail.bins;
    const double low = bins.high > bins.low ? bins.low : centres_.front() - 0.5;
    const double high = bins.high > bins.low ? bins.high : centres_.back() + 0.5;
    ImPlot::SetupAxes(nullptr, nullptr, bare | ImPlotAxisFlags_NoGridLines, bare | ImPlotAxisFlags_Lock);
    ImPlot::SetupAxisLimits(ImAxis_X1, low, high, framed_ == detail.bins ? ImPlotCond_Once : ImPlotCond_Always);
    framed_ = detail.bins;
    ImPlot::SetupAxisLimitsConstraints(ImAxis_X1, low, high);
    ImPlot::SetupAxisFormat(ImAxis_Y1, short_count);
    if (logarithmic_) {
        static constexpr double decades[] = {0, 1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10};
        ImPlot::SetupAxisScale(ImAxis_Y1, to_log, from_log);
        ImPlot::SetupAxisTicks(ImAxis_Y1, decades, int(std::size(decades)), nullptr);
        ImPlot::SetupAxisLimits(ImAxis_Y1, 0, from_log(to_log(highest_, nullptr) * headroom, nullptr),
                                ImPlotCond_Always);
    } else {
        ImPlot::SetupAxisLimits(ImAxis_Y1, 0, highest_ * headroom, ImPlotCond_Always);
    }
    ImPlot::SetupFinish();
    const ImVec2 corner = ImPlot::GetPlotPos(), extent = ImPlot::GetPlotSize();
    plot_area_ = {corner.x, corner.y, corner.x + extent.x, corner.y + extent.y};
    const ImPlotRect limits = ImPlot::GetPlotLimits();
    x_low_ = limits.X.Min, x_high_ = limits.X.Max;
    draw_bars(style);
    if (detail.curve && detail.level) drag_lines(detail, style, action);
    ImPlot::EndPlot();
    ImGui::PopStyleVar();
}

void DistributionView::draw_bars(const ViewStyle& style) const {
    const auto spec = [&](uint32_t colour) {
        ImPlotSpec s;
        s.FillColor = ImGui::ColorConvertU32ToFloat4(colour);
        s.LineColor = ImVec4(0, 0, 0, 0);
        s.LineWeight = 0;
        return s;
    };
    const int count = int(centres_.size());
    // All weights first, the pruned ones in front of them: what is left to see of the first are the kept ones.
    ImPlot::PlotBars("kept", centres_.data(), all_.data(), count, bar_width_, spec(style.kept));
    ImPlot::PlotBars("pruned", centres_.data(), pruned_.data(), count, bar_width_, spec(style.pruned));
}

void DistributionView::drag_lines(const TensorDetail& detail, const ViewStyle& style, DistributionViewAction& action) {
    const double threshold = threshold_at(detail, *shown_level(detail));
    const bool pale = step_level(detail).has_value();
    const ImVec4 colour = ImGui::ColorConvertU32ToFloat4(faded(style.threshold, pale ? 0.45f : 1));
    if (pale) draw_step_lines(detail, style);
    bool held_now = false, moved = false;
    double at = threshold;
    draw_label(percentage(*shown_level(detail)), threshold, pale ? 1 : 0, style);
    for (int side = 0; side < 2; ++side) {
        double x = side == 0 ? threshold : -threshold;
        bool held = false;
        if (ImPlot::DragLineX(side, &x, colour, 2, ImPlotDragToolFlags_NoFit, nullptr, nullptr, &held)) {
            at = std::abs(side == 0 ? std::max(0.0, x) : std::min(0.0, x));
            moved = true;
        }
        held_now = held_now || held;
    }
    if (moved) {
        held_at_ = at;
        ask_for(detail.curve->level_at(at), true, action);
    }
    if (held_ && !held_now) {
        if (held_at_) {
            ask_for(detail.curve->level_at(*held_at_), false, action);
            action.released = true;
        }
        held_at_.reset();
    }
    held_ = held_now;
}

/// Where the next step cuts. Not to be dragged: the schedule moves it.
void DistributionView::draw_step_lines(const TensorDetail& detail, const ViewStyle& style) const {
    const double threshold = detail.curve->threshold_at(*detail.scheduled);
    ImPlot::PushPlotClipRect();
    for (const double x : {threshold, -threshold}) {
        const float at = std::round(x_of(x));
        ImPlot::GetPlotDrawList()->AddLine({at, plot_area_.y}, {at, plot_area_.w}, style.threshold, 2);
    }
    ImPlot::PopPlotClipRect();
    draw_label("scheduled " + percentage(*detail.scheduled), threshold, 0, style);
}

/// `row` counts from the top.
void DistributionView::draw_label(const std::string& text, double threshold, int row, const ViewStyle& style) const {
    const ImVec2 size = ImGui::CalcTextSize(text.c_str());
    const float width = size.x + 2 * style.tight, line = x_of(threshold);
    // Beside the right line, or on its other side where that has no room.
    const float x = line + style.space + width <= plot_area_.z ? line + style.space : line - style.space - width;
    if (x < plot_area_.x) return;
    const ImVec2 low{std::round(x), plot_area_.y + style.space + float(row) * (size.y + style.wide)};
    const ImVec2 high{low.x + std::round(width), low.y + size.y + style.tight};
    ImDrawList* list = ImGui::GetWindowDrawList();
    list->AddRectFilled(low, high, style.surface, style.radius);
    list->AddRect(low, high, style.threshold, style.radius);
    list->AddText({low.x + style.tight, std::round(low.y + style.tight / 2)}, style.text, text.c_str());
}

void DistributionView::nudge(const TensorDetail& detail, DistributionViewAction& action) {
    const ImGuiIO& io = ImGui::GetIO();
    if (held_ || io.KeyCtrl || io.KeyAlt || io.KeySuper) return;
    const double fine = io.KeyShift ? level_step : 0.01;
    const std::pair<ImGuiKey, double> steps[] = {{ImGuiKey_LeftArrow, -fine}, {ImGuiKey_RightArrow, fine},
                                                 {ImGuiKey_PageDown, -0.1},   {ImGuiKey_PageUp, 0.1},
                                                 {ImGuiKey_Home, -1.0},       {ImGuiKey_End, 1.0}};
    bool down = false;
    double change = 0;
    for (const auto& [key, step] : steps) {
        down = down || ImGui::IsKeyDown(key);
        if (ImGui::IsKeyPressed(key)) change += step;
    }
    const double level = *shown_level(detail);
    if (change != 0) {
        ask_for(level + change, true, action);
        nudging_ = true;
    } else if (nudging_ && !down) {
        ask_for(level, false, action);
        action.released = true;
        nudging_ = false;
    }
}

void DistributionView::ask_for(double level, bool dragging, DistributionViewAction& action) {
    asked_ = std::round(std::clamp(level, 0.0, 1.0) / level_step) * level_step;
    late_answers_ = 0;
    action.level = asked_;
    action.dragging = dragging;
}

}  // namespace lacuna::ui
