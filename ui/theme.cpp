#include "ui/theme.h"

#include <QApplication>
#include <QFont>
#include <QGuiApplication>

namespace lacuna::ui {
namespace {

Theme light_theme() {
    Theme t;
    t.dark = false;
    t.window = QColor(0xf1f3f6);
    t.surface = QColor(0xffffff);
    t.alternate = QColor(0xf7f8fa);
    t.raised = QColor(0xffffff);
    t.hovered = QColor(0xe7ebf1);
    t.border = QColor(0xc6ccd5);
    t.grid = QColor(0xe3e7ec);
    t.text = QColor(0x1b2028);
    t.muted = QColor(0x566070);
    t.disabled = QColor(0x9aa2ae);
    t.accent = QColor(0x0b62c1);
    t.on_accent = QColor(0xffffff);
    t.information = QColor(0x0b62c1);
    t.success = QColor(0x1a7a45);
    t.warning = QColor(0x9a5b00);
    t.error = QColor(0xb3261e);
    t.kept = QColor(0x1565b3);
    t.pruned = QColor(0x8a94a3);
    t.gap = QColor(0xffffff);
    t.zero = QColor(0xb4bcc8);
    t.own_zero = QColor(0xcfa8e6);
    t.negative = QColor(0x0a3f8f);
    t.positive = QColor(0xb04300);
    t.magnitude_low = QColor(0xeef1f5);
    t.magnitude_middle = QColor(0x5a9bc8);
    t.magnitude_high = QColor(0x102a5c);
    t.threshold = QColor(0xb85000);
    t.series = {QColor(0x0072b2), QColor(0xb84a00), QColor(0x007a5a),
                QColor(0xa8527f), QColor(0x56607a), QColor(0x8a6500)};
    return t;
}

Theme dark_theme() {
    Theme t;
    t.dark = true;
    t.window = QColor(0x1d2127);
    t.surface = QColor(0x15181d);
    t.alternate = QColor(0x191d23);
    t.raised = QColor(0x2a303a);
    t.hovered = QColor(0x363e4a);
    t.border = QColor(0x3d4653);
    t.grid = QColor(0x2a303a);
    t.text = QColor(0xe7eaef);
    t.muted = QColor(0x9da7b5);
    t.disabled = QColor(0x667080);
    t.accent = QColor(0x5fadff);
    t.on_accent = QColor(0x0a1523);
    t.information = QColor(0x5fadff);
    t.success = QColor(0x55c98a);
    t.warning = QColor(0xf0b44c);
    t.error = QColor(0xff8279);
    t.kept = QColor(0x58b0f5);
    t.pruned = QColor(0x667184);
    t.gap = QColor(0x08090b);
    t.zero = QColor(0x4b5463);
    t.own_zero = QColor(0x6b4690);
    t.negative = QColor(0x6cc0ff);
    t.positive = QColor(0xffb25c);
    t.magnitude_low = QColor(0x11151c);
    t.magnitude_middle = QColor(0x2d6f9f);
    t.magnitude_high = QColor(0xe9f6c8);
    t.threshold = QColor(0xffb000);
    t.series = {QColor(0x56b4e9), QColor(0xff9e4a), QColor(0x2fc79b),
                QColor(0xe59bc4), QColor(0xb9c2d0), QColor(0xf0e442)};
    return t;
}

bool dark_is_current = false;

}  // namespace

const Theme& Theme::of(bool dark) {
    static const Theme light = light_theme(), night = dark_theme();
    return dark ? night : light;
}

const Theme& Theme::current() {
    return of(dark_is_current);
}

void Theme::set_dark(bool dark) {
    dark_is_current = dark;
}

bool Theme::desktop_is_dark() {
    // The first palette that is asked for is the desktop's: later ones are ours.
    static const bool dark = [] {
        const QPalette desktop = QGuiApplication::palette();
        return desktop.color(QPalette::WindowText).lightness() > desktop.color(QPalette::Window).lightness();
    }();
    return dark;
}

QPalette Theme::palette() const {
    QPalette p(raised, window);
    p.setColor(QPalette::Window, window);
    p.setColor(QPalette::WindowText, text);
    p.setColor(QPalette::Base, surface);
    p.setColor(QPalette::AlternateBase, alternate);
    p.setColor(QPalette::Text, text);
    p.setColor(QPalette::PlaceholderText, muted);
    p.setColor(QPalette::Button, raised);
    p.setColor(QPalette::ButtonText, text);
    p.setColor(QPalette::BrightText, error);
    p.setColor(QPalette::Highlight, accent);
    p.setColor(QPalette::HighlightedText, on_accent);
    p.setColor(QPalette::Link, accent);
    p.setColor(QPalette::LinkVisited, accent);
    p.setColor(QPalette::ToolTipBase, raised);
    p.setColor(QPalette::ToolTipText, text);
    p.setColor(QPalette::Light, hovered);
    p.setColor(QPalette::Midlight, grid);
    p.setColor(QPalette::Mid, border);
    p.setColor(QPalette::Dark, border);
    p.setColor(QPalette::Shadow, dark ? QColor(Qt::black) : muted);
    for (auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        p.setColor(QPalette::Disabled, role, disabled);
    p.setColor(QPalette::Disabled, QPalette::Highlight, hovered);
    p.setColor(QPalette::Disabled, QPalette::HighlightedText, disabled);
    return p;
}

void apply_text_size() {
    QFont font = QApplication::font();
    font.setPixelSize(Theme::widget_text);
    QApplication::setFont(font);
}

void apply_theme() {
    apply_text_size();
    QApplication::setPalette(Theme::current().palette());
}

}  // namespace lacuna::ui
