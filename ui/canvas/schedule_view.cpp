#include "ui/canvas/schedule_view.h"

#include <implot.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/base/numbers.h"
#include "ui/canvas/text.h"

namespace lacuna::ui {
namespace {

constexpr double margin = 0.5;   ///< of the horizontal axis, in steps
constexpr int few_steps = 10;    ///< steps that are few enough to be numbered each
constexpr int most_dots = 60;    ///< steps that are few enough to be drawn as dots
constexpr size_t most_tips = 8;  ///< curves with a line in the tip

uint32_t colour_of(size_t curve, const ViewStyle& style) {
    return style.series[curve % style.series.size()];
}

int as_percentage(double level, char* text, int size, void*) {
    return std::snprintf(text, size_t(size), level == 0 ? "0" : "%g %%", level * 100);
}

}  // namespace

float ScheduleView::x_of(double step) const {
    return plot_area_.x + float((step - x_low_) / (x_high_ - x_low_)) * (plot_area_.z - plot_area_.x);
}

void ScheduleView::draw(const SchedulePlot& plot, const ViewStyle& style, float width, float height) {
    hovered_.reset();
    plot_area_ = {0, 0, 0, 0};
    if (!plot.scheduled || plot.curves.empty()) {
        const bool none = !plot.scheduled;
        draw_notice(style, {0, 0}, {width, height}, none ? "No schedule" : "No sparsity level to move",
                    none ? "Every step is taken at the layers' own sparsity levels. A schedule lets the levels rise "
                           "from step to step: choose one below."
                         : "Choose a sparsifier with a sparsity level for a layer.");
        return;
    }
    draw_header(plot, style, width);
    const float top = style.space + style.body_text + style.space;
    ImGui::SetCursorPos({style.tight, top});
    const ImVec2 size{std::max(1.0f, width - style.tight - style.space), std::max(1.0f, height - top - style.tight)};
    constexpr ImPlotFlags flags = ImPlotFlags_NoTitle | ImPlotFlags_NoLegend | ImPlotFlags_NoMouseText |
                                  ImPlotFlags_NoMenus | ImPlotFlags_NoBoxSelect | ImPlotFlags_NoInputs;
    const SmallText small(style);
    ImGui::PushStyleVar(ImGuiStyleVar_FrameBorderSize, 0);
    if (ImPlot::BeginPlot("##schedule", size, flags)) {
        set_up_axes(plot, size.x < 160 || size.y < 90);
        const ImVec2 corner = ImPlot::GetPlotPos(), extent = ImPlot::GetPlotSize();
        plot_area_ = {corner.x, corner.y, corner.x + extent.x, corner.y + extent.y};
        const ImPlotRect limits = ImPlot::GetPlotLimits();
        x_low_ = limits.X.Min, x_high_ = limits.X.Max;
        if (ImGui::IsMouseHoveringRect({plot_area_.x, plot_area_.y}, {plot_area_.z, plot_area_.w}))
            hovered_ = std::clamp(int(std::lround(ImPlot::GetPlotMousePos().x)), 1, plot.steps);
        draw_mark(plot, style);
        draw_curves(plot, style);
        ImPlot::EndPlot();
    }
    ImGui::PopStyleVar();
    if (hovered_) draw_tip(plot, style);
}

/// From 0 to 1, and further where a curve goes further: levels are not clamped.
void ScheduleView::set_up_axes(const SchedulePlot& plot, bool tiny) const {
    double low = 0, high = 1;
    for (const ScheduleCurve& curve : plot.curves)
        for (const double level : curve.levels) low = std::min(low, level), high = std::max(high, level);
    const ImPlotAxisFlags bare = tiny ? ImPlotAxisFlags_NoDecorations : ImPlotAxisFlags_None;
    ImPlot::SetupAxes(tiny ? nullptr : "step", nullptr, bare | ImPlotAxisFlags_NoGridLines | ImPlotAxisFlags_Lock,
                      bare | ImPlotAxisFlags_Lock);
    ImPlot::SetupAxisLimits(ImAxis_X1, 1 - margin, plot.steps + margin, ImPlotCond_Always);
    if (plot.steps < few_steps)  // whole steps: ImPlot would mark halves
        ImPlot::SetupAxisTicks(ImAxis_X1, 1, plot.steps, std::max(2, plot.steps));
    ImPlot::SetupAxisFormat(ImAxis_X1, "%g");
    ImPlot::SetupAxisLimits(ImAxis_Y1, low - 0.02 * (high - low), high + 0.04 * (high - low), ImPlotCond_Always);
    static constexpr double quarters[] = {0, 0.25, 0.5, 0.75, 1};
    static constexpr const char* words[] = {"0", "25 %", "50 %", "75 %", "100 %"};
    if (low == 0 && high == 1)
        ImPlot::SetupAxisTicks(ImAxis_Y1, quarters, int(std::size(quarters)), words);
    else
        ImPlot::SetupAxisFormat(ImAxis_Y1, as_percentage);
    ImPlot::SetupFinish();
}

void ScheduleView::draw_header(const SchedulePlot& plot, const ViewStyle& style, float width) const {
    TextLine line({style.wide, style.space}, width - style.wide);
    line.add("Step " + lacuna::grouped(plot.taken) + " of " + lacuna::grouped(plot.steps), style.text, 0);
    for (size_t i = 0; i < plot.curves.size(); ++i) {  // those that have room; the tip names them all
        const std::string& name = plot.curves[i].name;
        const float room = 2 * style.wide + ImGui::GetFontSize() + ImGui::CalcTextSize(name.c_str()).x;
        if (line.x() + room > line.end()) break;
        line.swatch(colour_of(i, style), colour_of(i, style), style.wide);
        line.add(name, style.muted, style.tight);
    }
    if (plot.left_out > 0) line.add(lacuna::grouped(int64_t(plot.left_out)) + " more", style.muted, style.wide);
}

/// What was taken lies under a veil that ends at the step reached.
void ScheduleView::draw_mark(const SchedulePlot& plot, const ViewStyle& style) const {
    ImPlot::PushPlotClipRect();
    ImDrawList* list = ImPlot::GetPlotDrawList();
    const float x = std::round(x_of(plot.taken > 0 ? plot.taken : 1 - margin));
    if (plot.taken > 0) {
        list->AddRectFilled({plot_area_.x, plot_area_.y}, {x, plot_area_.w}, faded(style.accent, 0.10f));
        list->AddLine({x, plot_area_.y}, {x, plot_area_.w}, style.accent, 2);
    }
    if (hovered_) {
        const float at = std::round(x_of(*hovered_));
        list->AddLine({at, plot_area_.y}, {at, plot_area_.w}, style.border, 1);
    }
    ImPlot::PopPlotClipRect();
}

void ScheduleView::draw_curves(const SchedulePlot& plot, const ViewStyle& style) const {
    for (size_t i = 0; i < plot.curves.size(); ++i) {
        const ScheduleCurve& curve = plot.curves[i];
        ImPlotSpec planned;
        planned.LineColor = ImGui::ColorConvertU32ToFloat4(colour_of(i, style));
        planned.LineWeight = 2;
        const bool dots = plot.steps <= most_dots;
        if (dots) {
            planned.Marker = ImPlotMarker_Circle;
            planned.MarkerSize = 3;
            planned.MarkerFillColor = ImGui::ColorConvertU32ToFloat4(style.surface);
        }
        const std::string id = "##" + std::to_string(i);
        ImPlot::PlotLine(("planned" + id).c_str(), curve.levels.data(), int(curve.levels.size()), 1, 1, planned);
        ImPlotSpec taken;
        taken.LineColor = planned.LineColor;
        taken.LineWeight = 1;
        taken.Marker = ImPlotMarker_Diamond;
        taken.MarkerSize = dots ? 4 : 1.5f;
        taken.MarkerFillColor = planned.LineColor;
        ImPlot::PlotScatter(("measured" + id).c_str(), curve.measured.data(), int(curve.measured.size()), 1, 1, taken);
    }
}

void ScheduleView::draw_tip(const SchedulePlot& plot, const ViewStyle& style) const {
    const auto step = size_t(*hovered_);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(style.space, style.space));
    if (ImGui::BeginTooltip()) {
        const char* when = *hovered_ <= plot.taken ? "taken" : *hovered_ == plot.taken + 1 ? "next" : "to come";
        ImGui::TextUnformatted(("Step " + lacuna::grouped(*hovered_) + ", " + when).c_str());
        const size_t shown = std::min(plot.curves.size(), most_tips);
        for (size_t i = 0; i < shown; ++i) {
            const ScheduleCurve& curve = plot.curves[i];
            std::string numbers = "level " + percentage(curve.levels.at(step - 1));
            if (step <= curve.measured.size() && !std::isnan(curve.measured[step - 1]))
                numbers += ", measured " + percentage(curve.measured[step - 1]);
            ImGui::TextColored(ImGui::ColorConvertU32ToFloat4(colour_of(i, style)), "%s", curve.name.c_str());
            ImGui::TextUnformatted(numbers.c_str());
        }
        const size_t more = plot.left_out + plot.curves.size() - shown;
        if (more > 0) ImGui::TextUnformatted(("and " + lacuna::grouped(int64_t(more)) + " more").c_str());
        ImGui::EndTooltip();
    }
    ImGui::PopStyleVar();
}

}  // namespace lacuna::ui
