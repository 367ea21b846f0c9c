#pragma once

#include <QColor>
#include <QPalette>
#include <array>

namespace lacuna::ui {

/// The one place for colours, spacing and type sizes: the Qt palette, the style sheets and the canvases read it.
/// Kept and pruned differ in lightness as well as in hue, and the weights' two signs are blue and orange, so that they
/// stay apart for colour-blind people. Text on its background has a contrast of 4.5 or more in both themes.
struct Theme {
    bool dark = false;

    // --- surfaces, from the back to the front
    QColor window;     ///< behind docks, tool bars and dialogs
    QColor surface;    ///< what content is drawn on: tables, canvases, text fields
    QColor alternate;  ///< every second row of a table
    QColor raised;     ///< buttons, headers, tooltips
    QColor hovered;    ///< a raised thing under the pointer
    QColor border;     ///< outlines of fields and panels
    QColor grid;       ///< lines inside a surface, quieter than a border

    // --- text and marks
    QColor text;
    QColor muted;     ///< secondary text
    QColor disabled;  ///< text of what cannot be used now
    QColor accent;    ///< selection, focus ring, the primary button
    QColor on_accent;
    QColor information, success, warning, error;  ///< notices' marks and text

    // --- weights and masks
    QColor kept;           ///< in charts, bars and legends
    QColor pruned;         ///< in charts, bars and legends
    QColor gap;            ///< a pruned weight in a mask's picture: the hole that it leaves
    QColor zero;           ///< a kept weight next to 0 in a mask's picture
    QColor own_zero;       ///< a kept weight that is 0 in the file
    QColor negative;       ///< a weight at minus full scale
    QColor positive;       ///< a weight at full scale
    QColor magnitude_low;  ///< the ends and the middle of the ramp of |w|
    QColor magnitude_middle, magnitude_high;
    QColor threshold;  ///< the line that is dragged
    /// Curves beside each other, in this order; Okabe and Ito's colours, which colour-blind people tell apart.
    std::array<QColor, 6> series;

    // --- spacing and sizes in logical pixels
    static constexpr int tight = 4, space = 8, wide = 12, margin = 16, section = 24;
    static constexpr int radius = 4;       ///< of corners
    static constexpr int row_height = 26;  ///< of table rows and tool buttons

    // --- type scale in logical pixels
    static constexpr int small_text = 11, body_text = 13, title_text = 16, large_text = 22;
    static constexpr int widget_text = 12;  ///< of Qt's widgets where no style sheet says another

    /// The theme in use; light until somebody sets another.
    static const Theme& current();
    /// Chooses for `current()`. Widgets follow when the application's palette is set anew: `apply_theme`.
    static void set_dark(bool dark);
    static const Theme& of(bool dark);
    /// Whether the desktop's own palette, as Qt reports it before any theme is applied, is a dark one.
    static bool desktop_is_dark();

    QPalette palette() const;
};

/// Sets the text size on the application. To be called before the first widget: Qt leaves those that exist as they are
/// until a theme is applied again.
void apply_text_size();
/// Sets the current theme's palette and text size on the application; every widget gets a PaletteChange event.
void apply_theme();

}  // namespace lacuna::ui
