#pragma once

class QKeyEvent;
class QWheelEvent;
class QInputMethodEvent;

#include <qnamespace.h>

namespace lacuna::ui {

/// Qt's events as ImGui's, into the current ImGui context.

void feed_key(const QKeyEvent& event, bool down);
void feed_wheel(const QWheelEvent& event);
void feed_text(const QInputMethodEvent& event);
/// The modifiers alone; with every mouse event, since a key may have gone up elsewhere.
void feed_modifiers(Qt::KeyboardModifiers modifiers);
/// −1 for buttons that ImGui does not know.
int mouse_button_of(Qt::MouseButton button);
/// The shape that ImGui asks for.
Qt::CursorShape wanted_cursor();

}  // namespace lacuna::ui
