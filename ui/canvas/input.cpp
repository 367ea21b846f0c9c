#include "ui/canvas/input.h"

#include <imgui.h>

#include <QInputMethodEvent>
#include <QKeyEvent>
#include <QWheelEvent>

namespace lacuna::ui {
namespace {

ImGuiKey named_key(int key) {
    switch (key) {
        case Qt::Key_Tab:
        case Qt::Key_Backtab:
            return ImGuiKey_Tab;
        case Qt::Key_Left:
            return ImGuiKey_LeftArrow;
        case Qt::Key_Right:
            return ImGuiKey_RightArrow;
        case Qt::Key_Up:
            return ImGuiKey_UpArrow;
        case Qt::Key_Down:
            return ImGuiKey_DownArrow;
        case Qt::Key_PageUp:
            return ImGuiKey_PageUp;
        case Qt::Key_PageDown:
            return ImGuiKey_PageDown;
        case Qt::Key_Home:
            return ImGuiKey_Home;
        case Qt::Key_End:
            return ImGuiKey_End;
        case Qt::Key_Insert:
            return ImGuiKey_Insert;
        case Qt::Key_Delete:
            return ImGuiKey_Delete;
        case Qt::Key_Backspace:
            return ImGuiKey_Backspace;
        case Qt::Key_Space:
            return ImGuiKey_Space;
        case Qt::Key_Return:
            return ImGuiKey_Enter;
        case Qt::Key_Enter:
            return ImGuiKey_KeypadEnter;
        case Qt::Key_Escape:
            return ImGuiKey_Escape;
        // A plus is Shift and = on many keyboards and a key of its own on others: the sign counts, not the key.
        case Qt::Key_Plus:
        case Qt::Key_Equal:
            return ImGuiKey_Equal;
        case Qt::Key_Minus:
        case Qt::Key_Underscore:
            return ImGuiKey_Minus;
        case Qt::Key_Control:
            return ImGuiKey_LeftCtrl;
        case Qt::Key_Shift:
            return ImGuiKey_LeftShift;
        case Qt::Key_Alt:
            return ImGuiKey_LeftAlt;
        case Qt::Key_Meta:
            return ImGuiKey_LeftSuper;
        default:
            return ImGuiKey_None;
    }
}

ImGuiKey key_of(int key) {
    if (key >= Qt::Key_A && key <= Qt::Key_Z) return ImGuiKey(ImGuiKey_A + (key - Qt::Key_A));
    if (key >= Qt::Key_0 && key <= Qt::Key_9) return ImGuiKey(ImGuiKey_0 + (key - Qt::Key_0));
    return named_key(key);
}

Qt::KeyboardModifier modifier_of(int key) {
    switch (key) {
        case Qt::Key_Control:
            return Qt::ControlModifier;
        case Qt::Key_Shift:
            return Qt::ShiftModifier;
        case Qt::Key_Alt:
            return Qt::AltModifier;
        case Qt::Key_Meta:
            return Qt::MetaModifier;
        default:
            return Qt::NoModifier;
    }
}

}  // namespace

void feed_modifiers(Qt::KeyboardModifiers modifiers) {
    ImGuiIO& io = ImGui::GetIO();
    io.AddKeyEvent(ImGuiMod_Ctrl, modifiers.testFlag(Qt::ControlModifier));
    io.AddKeyEvent(ImGuiMod_Shift, modifiers.testFlag(Qt::ShiftModifier));
    io.AddKeyEvent(ImGuiMod_Alt, modifiers.testFlag(Qt::AltModifier));
    io.AddKeyEvent(ImGuiMod_Super, modifiers.testFlag(Qt::MetaModifier));
}

void feed_key(const QKeyEvent& event, bool down) {
    if (event.isAutoRepeat() && !down) return;
    // X11 reports the modifiers as they were before this key: one that is going down is missing, one that is going up
    // is still there.
    Qt::KeyboardModifiers modifiers = event.modifiers();
    modifiers.setFlag(modifier_of(event.key()), down && modifier_of(event.key()) != Qt::NoModifier);
    feed_modifiers(modifiers);
    ImGuiIO& io = ImGui::GetIO();
    // ImGui repeats a held key by its own clock: Qt's repetitions only wake it.
    if (const ImGuiKey key = key_of(event.key()); key != ImGuiKey_None && !event.isAutoRepeat())
        io.AddKeyEvent(key, down);
    const QString text = event.text();
    if (down && !text.isEmpty() && text[0].isPrint()) io.AddInputCharactersUTF8(text.toUtf8().constData());
}

void feed_wheel(const QWheelEvent& event) {
    constexpr float notch = 120;
    QPointF turn = event.angleDelta();
    // Qt turns the wheel sideways while Alt is held.
    if (event.modifiers().testFlag(Qt::AltModifier) && turn.y() == 0) turn = turn.transposed();
    feed_modifiers(event.modifiers());
    ImGui::GetIO().AddMouseWheelEvent(float(turn.x()) / notch, float(turn.y()) / notch);
}

void feed_text(const QInputMethodEvent& event) {
    if (!event.commitString().isEmpty())
        ImGui::GetIO().AddInputCharactersUTF8(event.commitString().toUtf8().constData());
}

int mouse_button_of(Qt::MouseButton button) {
    switch (button) {
        case Qt::LeftButton:
            return ImGuiMouseButton_Left;
        case Qt::RightButton:
            return ImGuiMouseButton_Right;
        case Qt::MiddleButton:
            return ImGuiMouseButton_Middle;
        default:
            return -1;
    }
}

Qt::CursorShape wanted_cursor() {
    switch (ImGui::GetMouseCursor()) {
        case ImGuiMouseCursor_TextInput:
            return Qt::IBeamCursor;
        case ImGuiMouseCursor_ResizeAll:
            return Qt::ClosedHandCursor;
        case ImGuiMouseCursor_ResizeNS:
            return Qt::SizeVerCursor;
        case ImGuiMouseCursor_ResizeEW:
            return Qt::SizeHorCursor;
        case ImGuiMouseCursor_Hand:
            return Qt::PointingHandCursor;
        case ImGuiMouseCursor_NotAllowed:
            return Qt::ForbiddenCursor;
        default:
            return Qt::ArrowCursor;
    }
}

}  // namespace lacuna::ui
