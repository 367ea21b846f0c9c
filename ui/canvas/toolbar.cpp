#include "ui/canvas/toolbar.h"

namespace lacuna::ui {
namespace {

/// The colours of a chosen button while this lives.
class Chosen {
  public:
    Chosen(bool chosen, const ViewStyle& style) : count_(chosen ? 4 : 0) {
        if (!chosen) return;
        ImGui::PushStyleColor(ImGuiCol_Button, style.accent);
        ImGui::PushStyleColor(ImGuiCol_ButtonHovered, style.accent);
        ImGui::PushStyleColor(ImGuiCol_ButtonActive, style.accent);
        ImGui::PushStyleColor(ImGuiCol_Text, style.on_accent);
    }
    ~Chosen() { ImGui::PopStyleColor(count_); }
    Chosen(const Chosen&) = delete;
    Chosen& operator=(const Chosen&) = delete;

  private:
    int count_;
};

void tip_over_last(const char* tip) {
    if (tip && ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled)) ImGui::SetTooltip("%s", tip);
}

}  // namespace

int segmented(const char* id, std::span<const char* const> labels, int chosen, const ViewStyle& style) {
    ImGui::PushID(id);
    ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, ImVec2(1, 0));
    for (int i = 0; i < int(labels.size()); ++i) {
        if (i > 0) ImGui::SameLine();
        const Chosen colours(i == chosen, style);
        if (ImGui::Button(labels[size_t(i)])) chosen = i;
    }
    ImGui::PopStyleVar();
    ImGui::PopID();
    return chosen;
}

bool tool_button(const char* label, const char* tip, bool enabled, float width) {
    ImGui::BeginDisabled(!enabled);
    if (width > 0) ImGui::PushStyleVar(ImGuiStyleVar_FramePadding, ImVec2(0, ImGui::GetStyle().FramePadding.y));
    const bool clicked = ImGui::Button(label, {width, 0});
    if (width > 0) ImGui::PopStyleVar();
    ImGui::EndDisabled();
    tip_over_last(tip);
    return clicked;
}

bool toggle_button(const char* label, const char* tip, bool pressed, const ViewStyle& style) {
    bool clicked = false;
    {
        const Chosen colours(pressed, style);
        clicked = ImGui::Button(label);
    }
    tip_over_last(tip);
    return clicked;
}

float button_width(const char* label) {
    return ImGui::CalcTextSize(label).x + 2 * ImGui::GetStyle().FramePadding.x;
}

}  // namespace lacuna::ui
