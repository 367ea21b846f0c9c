#pragma once

#include <imgui.h>

#include <string>

#include "ui/canvas/style.h"

namespace lacuna::ui {

/// Text is small while this lives.
class SmallText {
  public:
    explicit SmallText(const ViewStyle& style) { ImGui::PushFont(nullptr, style.small_text); }
    ~SmallText() { ImGui::PopFont(); }
    SmallText(const SmallText&) = delete;
    SmallText& operator=(const SmallText&) = delete;
};

/// Black or white, whichever reads better on `colour`.
inline uint32_t readable_on(uint32_t colour) {
    const float light =
        0.299f * float(colour & 0xff) + 0.587f * float(colour >> 8 & 0xff) + 0.114f * float(colour >> 16 & 0xff);
    return light > 140 ? 0xff101010u : 0xfff5f5f5u;
}

/// A sentence in the middle of an empty view, with a quieter one below it.
void draw_notice(const ViewStyle& style, ImVec2 low, ImVec2 high, const char* sentence, const char* hint);

/// Words one after the other on a line, each after a gap of its own; draws straight to the window's list.
class TextLine {
  public:
    TextLine(ImVec2 at, float end) : at_(at), end_(end) {}
    /// Draws `text` if it fits before the end; says whether it did.
    bool add(const std::string& text, uint32_t colour, float gap_before);
    /// A small filled square, as in legends.
    bool swatch(uint32_t colour, uint32_t outline, float gap_before);
    float x() const { return at_.x; }
    float end() const { return end_; }

  private:
    ImVec2 at_;
    float end_;
};

}  // namespace lacuna::ui
