#include "ui/canvas/context.h"

#include <imgui.h>
#include <implot.h>

#include <array>
#include <filesystem>

namespace lacuna::ui {
namespace {

ImVec4 vec(uint32_t colour) {
    return ImGui::ColorConvertU32ToFloat4(colour);
}

void set_imgui_style(const ViewStyle& s) {
    ImGuiStyle style;
    if (s.dark) {
        ImGui::StyleColorsDark(&style);
    } else {
        ImGui::StyleColorsLight(&style);
    }
    style.FontSizeBase = s.body_text;
    style.WindowPadding = {0, 0};
    style.WindowBorderSize = 0;
    style.FramePadding = {s.space, s.tight};
    style.FrameRounding = style.PopupRounding = style.GrabRounding = s.radius;
    style.FrameBorderSize = 1;
    style.ItemSpacing = {s.space, s.tight};
    style.ItemInnerSpacing = {s.tight, s.tight};
    style.AntiAliasedLinesUseTex = false;  // triangles with soft edges are the same in both renderers
    const auto set = [&](ImGuiCol which, uint32_t colour) { style.Colors[which] = vec(colour); };
    set(ImGuiCol_Text, s.text);
    set(ImGuiCol_TextDisabled, s.muted);
    set(ImGuiCol_WindowBg, s.surface);
    set(ImGuiCol_ChildBg, 0);
    set(ImGuiCol_PopupBg, s.raised);
    set(ImGuiCol_Border, s.border);
    set(ImGuiCol_FrameBg, s.raised);
    set(ImGuiCol_FrameBgHovered, s.hovered);
    set(ImGuiCol_FrameBgActive, s.hovered);
    set(ImGuiCol_Button, s.raised);
    set(ImGuiCol_ButtonHovered, s.hovered);
    set(ImGuiCol_ButtonActive, s.border);
    set(ImGuiCol_CheckMark, s.accent);
    set(ImGuiCol_Separator, s.border);
    ImGui::GetStyle() = style;
}

void set_implot_style(const ViewStyle& s) {
    ImPlotStyle style;
    style.PlotMinSize = {1, 1};  // the default of 200 × 150 is cut off in a narrow dock
    style.PlotPadding = {s.tight, s.tight};
    style.LabelPadding = {s.tight, s.tight};
    style.PlotBorderSize = 0;
    style.MinorAlpha = 0.4f;
    style.MajorTickLen = {4, 4};
    style.MinorTickLen = {2, 2};
    style.FitPadding = {0, 0.05f};
    const auto set = [&](ImPlotCol which, uint32_t colour) { style.Colors[which] = vec(colour); };
    // Backgrounds that only repeat what is below cost a software renderer a fill of the whole plot each.
    set(ImPlotCol_FrameBg, 0);
    set(ImPlotCol_PlotBg, 0);
    set(ImPlotCol_PlotBorder, s.border);
    set(ImPlotCol_InlayText, s.muted);
    set(ImPlotCol_TitleText, s.text);
    set(ImPlotCol_AxisText, s.muted);
    set(ImPlotCol_AxisGrid, s.grid);
    set(ImPlotCol_AxisTick, s.border);
    set(ImPlotCol_AxisBg, 0);
    set(ImPlotCol_AxisBgHovered, s.raised);
    set(ImPlotCol_AxisBgActive, s.hovered);
    ImPlot::GetStyle() = style;
}

}  // namespace

const std::string& canvas_font_file() {
    static const std::string found = [] {
        constexpr std::array places{"/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
                                    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
                                    "/usr/share/fonts/TTF/DejaVuSans.ttf", "/usr/share/fonts/dejavu/DejaVuSans.ttf",
                                    "/usr/local/share/fonts/dejavu/DejaVuSans.ttf"};
        std::error_code ignored;
        for (const char* place : places)
            if (std::filesystem::is_regular_file(place, ignored)) return std::string(place);
        return std::string();
    }();
    return found;
}

Context::Context() {
    imgui_ = ImGui::CreateContext();
    ImGui::SetCurrentContext(imgui_);
    implot_ = ImPlot::CreateContext();
    enter();
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = io.LogFilename = nullptr;
    io.ConfigErrorRecoveryEnableTooltip = false;
    const bool loaded = !canvas_font_file().empty() && io.Fonts->AddFontFromFileTTF(canvas_font_file().c_str());
    if (!loaded) io.Fonts->AddFontDefault();
}

Context::~Context() {
    enter();
    ImPlot::DestroyContext(implot_);
    ImGui::DestroyContext(imgui_);
}

void Context::enter() const {
    ImGui::SetCurrentContext(imgui_);
    ImPlot::SetCurrentContext(implot_);
}

void Context::set_style(const ViewStyle& style) {
    enter();
    set_imgui_style(style);
    set_implot_style(style);
}

void Context::begin_frame(float width, float height, float scale, float seconds) {
    enter();
    ImGuiIO& io = ImGui::GetIO();
    io.DisplaySize = {width, height};
    // A whole number of physical pixels, whatever the scale: renderers cut the product down.
    const auto exact = [&](float side) { return (int(side * scale + 0.5f) + 0.01f) / side; };
    io.DisplayFramebufferScale = {exact(width), exact(height)};
    io.DeltaTime = seconds > 0 ? seconds : 1e-4f;
    ImGui::NewFrame();
    ImGui::SetNextWindowPos({0, 0});
    ImGui::SetNextWindowSize(io.DisplaySize);
    constexpr int flags = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings |
                          ImGuiWindowFlags_NoBringToFrontOnFocus | ImGuiWindowFlags_NoBackground |
                          ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoScrollWithMouse;
    ImGui::Begin("canvas", nullptr, flags);
}

void Context::end_frame() {
    ImGui::End();
    ImGui::Render();
}

}  // namespace lacuna::ui
