#pragma once

#include <imgui.h>

#include <span>

#include "ui/canvas/style.h"

namespace lacuna::ui {

/// Buttons that stand together, one of them chosen. Returns the one that is chosen now.
int segmented(const char* id, std::span<const char* const> labels, int chosen, const ViewStyle& style);

/// A button that is off while it could do nothing, with a tooltip; as wide as its label needs unless `width` is given.
bool tool_button(const char* label, const char* tip, bool enabled, float width = 0);

/// A button that stays pressed.
bool toggle_button(const char* label, const char* tip, bool pressed, const ViewStyle& style);

/// How wide a button with this label is.
float button_width(const char* label);

}  // namespace lacuna::ui
