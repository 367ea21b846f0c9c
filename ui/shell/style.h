#pragma once

#include <QString>

namespace lacuna::ui {

/// How the window is coloured: as the desktop is, or one way always.
enum class ThemeChoice { system, light, dark };

/// The current theme's style sheet for the shell's widgets. Roles ("title", "hint", "primary", …) are dynamic
/// properties.
QString style_sheet();
/// Applies palette, text size and style sheet to the application.
void use_theme(ThemeChoice choice);

}  // namespace lacuna::ui
