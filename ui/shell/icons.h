#pragma once

#include <QIcon>

namespace lacuna::ui {

/// The program's icon, in the sizes that desktops ask for.
QIcon app_icon();

enum class Glyph { open, step, undo, redo, export_model };
/// A line drawing for the tool bar: sharp at every size and scale, in the current theme's colours.
QIcon glyph_icon(Glyph glyph);

}  // namespace lacuna::ui
