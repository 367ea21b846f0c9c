#include "ui/canvas/canvas.h"

#include <imgui.h>
#include <imgui_internal.h>

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QTimer>
#include <algorithm>
#include <cmath>

#include "ui/canvas/context.h"
#include "ui/canvas/input.h"
#include "ui/canvas/rasteriser.h"
#include "ui/canvas/renderer.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

/// ImGui reacts to some events a frame or two later than it hears of them.
constexpr int frames_per_event = 3;
/// How long a picture may be prepared before it is shown even if a view wants more.
constexpr qint64 patience_ms = 8;
/// A snapshot waits for the view; this is a bound against one that never is content.
constexpr int frames_at_most = 2000;

uint32_t colour(const QColor& c) {
    return IM_COL32(c.red(), c.green(), c.blue(), c.alpha());
}

}  // namespace

ViewStyle view_style(const Theme& t) {
    ViewStyle s{};
    s.dark = t.dark;
    s.surface = colour(t.surface), s.raised = colour(t.raised), s.hovered = colour(t.hovered);
    s.border = colour(t.border), s.grid = colour(t.grid);
    s.text = colour(t.text), s.muted = colour(t.muted), s.accent = colour(t.accent), s.on_accent = colour(t.on_accent);
    s.warning = colour(t.warning);
    s.kept = colour(t.kept), s.pruned = colour(t.pruned), s.gap = colour(t.gap), s.zero = colour(t.zero);
    s.own_zero = colour(t.own_zero);
    s.negative = colour(t.negative), s.positive = colour(t.positive);
    s.magnitude_low = colour(t.magnitude_low), s.magnitude_middle = colour(t.magnitude_middle);
    s.magnitude_high = colour(t.magnitude_high);
    s.threshold = colour(t.threshold);
    for (size_t i = 0; i < s.series.size(); ++i) s.series[i] = colour(t.series[i]);
    s.small_text = float(Theme::small_text), s.body_text = float(Theme::body_text);
    s.tight = float(Theme::tight), s.space = float(Theme::space), s.wide = float(Theme::wide);
    s.radius = float(Theme::radius);
    return s;
}

Canvas::Canvas(QWidget* parent) : QWidget(parent), style_(view_style(Theme::current())) {
    setFocusPolicy(Qt::StrongFocus);
    setMouseTracking(true);
    setAttribute(Qt::WA_OpaquePaintEvent);
    setAttribute(Qt::WA_InputMethodEnabled);
    setMinimumSize(120, 90);
}

Canvas::~Canvas() {
    close();
}

void Canvas::start() {
    if (context_) return context_->enter();
    context_ = std::make_unique<Context>();
    renderer_ = make_renderer();
    renderer_->attach();
    context_->set_style(style_);
    clock_.start();
}

void Canvas::close() {
    if (!renderer_) return;
    context_->enter();
    renderer_->detach();
    renderer_.reset();
}

std::string Canvas::renderer_name() {
    start();
    return renderer_->name();
}

void Canvas::request() {
    frames_due_ = std::max(frames_due_, frames_per_event);
    update();
}

bool Canvas::at_rest() const {
    if (!context_ || frames_due_ > 0 || wants_more_) return false;
    context_->enter();
    return ImGui::GetCurrentContext()->InputEventsQueue.empty();
}

void Canvas::set_theme(const Theme& theme) {
    style_ = view_style(theme);
    if (context_) context_->set_style(style_);
    request();
}

void Canvas::build_frame(QSizeF size, double scale, float seconds) {
    context_->begin_frame(float(size.width()), float(size.height()), float(scale), seconds);
    wants_more_ = draw(style_, float(size.width()), float(size.height()));
    context_->end_frame();
    renderer_->update_textures(*ImGui::GetDrawData());
    moved_since_frame_ = false;
    frames_due_ = std::max(0, frames_due_ - 1);
}

void Canvas::settle(QSizeF size, double scale, bool to_the_end) {
    QElapsedTimer spent;
    spent.start();
    for (int frame = 0; frame < frames_at_most; ++frame) {
        build_frame(size, scale, float(clock_.nsecsElapsed()) * 1e-9f);
        clock_.restart();
        if (at_rest()) return;
        if (!to_the_end && spent.elapsed() >= patience_ms) return;
    }
}

QImage Canvas::render(QSize size, double scale) {
    start();
    QImage picture;
    if (size.isEmpty() || !(scale > 0)) return picture;
    frames_due_ = frames_per_event;
    settle(size, scale, true);
    renderer_->draw(*ImGui::GetDrawData(), pixel_of(style_.surface), picture);
    picture.setDevicePixelRatio(scale);
    frames_due_ = frames_per_event;  // the widget's own size comes back
    return picture;
}

void Canvas::paintEvent(QPaintEvent*) {
    start();
    const double scale = devicePixelRatioF();
    const bool stale = image_.size() != QSize(int(std::lround(width() * scale)), int(std::lround(height() * scale)));
    if (stale || !at_rest()) {
        settle(QSizeF(size()), scale, false);
        image_.setDevicePixelRatio(1);
        renderer_->draw(*ImGui::GetDrawData(), pixel_of(style_.surface), image_);
        image_.setDevicePixelRatio(scale);
        setCursor(wanted_cursor());
    }
    QPainter painter(this);
    painter.drawImage(QPointF(0, 0), image_);
    paint_focus_ring(painter);
    if (!at_rest()) QTimer::singleShot(0, this, [this] { update(); });
    // A text cursor blinks; nothing else moves by itself.
    if (ImGui::GetIO().WantTextInput) QTimer::singleShot(400, this, &Canvas::request);
}

void Canvas::paint_focus_ring(QPainter& painter) {
    if (!hasFocus()) return;
    const uint32_t accent = pixel_of(style_.accent);
    painter.setPen(QPen(QColor::fromRgb(accent), 2));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(QRectF(rect()).adjusted(1, 1, -1, -1));
}

void Canvas::resizeEvent(QResizeEvent*) {
    request();
}

void Canvas::changeEvent(QEvent* event) {
    if (event->type() == QEvent::PaletteChange) set_theme(Theme::current());
    QWidget::changeEvent(event);
}

void Canvas::feed_position(QPointF position) {
    ImGui::GetIO().AddMousePosEvent(float(position.x()), float(position.y()));
    moved_since_frame_ = true;
    request();
}

void Canvas::mouseMoveEvent(QMouseEvent* event) {
    start();
    feed_modifiers(event->modifiers());
    feed_position(event->position());
}

void Canvas::mousePressEvent(QMouseEvent* event) {
    start();
    feed_modifiers(event->modifiers());
    feed_position(event->position());
    if (const int button = mouse_button_of(event->button()); button >= 0)
        ImGui::GetIO().AddMouseButtonEvent(button, true);
}

void Canvas::mouseDoubleClickEvent(QMouseEvent* event) {
    mousePressEvent(event);
}

void Canvas::mouseReleaseEvent(QMouseEvent* event) {
    start();
    const int button = mouse_button_of(event->button());
    if (button < 0) return;
    feed_modifiers(event->modifiers());
    feed_position(event->position());
    // ImGui would take the last position and the release together, and drop the end of a fast drag.
    while (moved_since_frame_ || !ImGui::GetCurrentContext()->InputEventsQueue.empty()) {
        build_frame(QSizeF(size()), devicePixelRatioF(), float(clock_.nsecsElapsed()) * 1e-9f);
        clock_.restart();
    }
    ImGui::GetIO().AddMouseButtonEvent(button, false);
    request();
}

void Canvas::wheelEvent(QWheelEvent* event) {
    start();
    feed_position(event->position());
    feed_wheel(*event);
    event->accept();
}

void Canvas::keyPressEvent(QKeyEvent* event) {
    start();
    feed_key(*event, true);
    request();
}

void Canvas::keyReleaseEvent(QKeyEvent* event) {
    start();
    feed_key(*event, false);
    request();
}

void Canvas::inputMethodEvent(QInputMethodEvent* event) {
    start();
    feed_text(*event);
    event->accept();
    request();
}

void Canvas::leaveEvent(QEvent*) {
    if (!context_) return;
    start();
    ImGui::GetIO().AddMousePosEvent(-FLT_MAX, -FLT_MAX);
    request();
}

void Canvas::focusInEvent(QFocusEvent*) {
    start();
    ImGui::GetIO().AddFocusEvent(true);
    request();
}

void Canvas::focusOutEvent(QFocusEvent*) {
    start();
    ImGui::GetIO().AddFocusEvent(false);
    request();
}

bool Canvas::focusNextPrevChild(bool next) {
    if (context_) {
        start();
        if (ImGui::GetIO().WantTextInput) return false;  // Tab belongs to the text field
    }
    return QWidget::focusNextPrevChild(next);
}

bool Canvas::event(QEvent* event) {
    if (event->type() == QEvent::ShortcutOverride && context_) {
        start();
        if (ImGui::GetIO().WantTextInput) event->accept();
    }
    return QWidget::event(event);
}

}  // namespace lacuna::ui
