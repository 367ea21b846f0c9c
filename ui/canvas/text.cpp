#include "ui/canvas/text.h"

#include <algorithm>
#include <cmath>

namespace lacuna::ui {

void draw_notice(const ViewStyle& style, ImVec2 low, ImVec2 high, const char* sentence, const char* hint) {
    ImDrawList* list = ImGui::GetWindowDrawList();
    const float width = std::max(40.0f, high.x - low.x - 4 * style.space);
    float y = (low.y + high.y) / 2 - style.body_text;
    const auto line = [&](const char* text, uint32_t colour) {
        if (!text || !*text) return;
        const ImVec2 size = ImGui::CalcTextSize(text, nullptr, false, width);
        const ImVec2 at{std::round((low.x + high.x - size.x) / 2), std::round(y)};
        list->AddText(nullptr, 0, at, colour, text, nullptr, width);
        y += size.y + style.space;
    };
    line(sentence, style.text);
    line(hint, style.muted);
}

bool TextLine::add(const std::string& text, uint32_t colour, float gap_before) {
    const float width = ImGui::CalcTextSize(text.c_str()).x;
    if (at_.x + gap_before + width > end_) return false;
    ImGui::GetWindowDrawList()->AddText({std::round(at_.x + gap_before), at_.y}, colour, text.c_str());
    at_.x += gap_before + width;
    return true;
}

bool TextLine::swatch(uint32_t colour, uint32_t outline, float gap_before) {
    const float side = std::round(ImGui::GetFontSize() * 0.8f);
    if (at_.x + gap_before + side > end_) return false;
    const ImVec2 low{std::round(at_.x + gap_before), std::round(at_.y + (ImGui::GetFontSize() - side) / 2)};
    const ImVec2 high{low.x + side, low.y + side};
    ImGui::GetWindowDrawList()->AddRectFilled(low, high, colour);
    ImGui::GetWindowDrawList()->AddRect(low, high, outline);
    at_.x = high.x;
    return true;
}

}  // namespace lacuna::ui
