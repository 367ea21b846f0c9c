#pragma once

#include <QElapsedTimer>
#include <QImage>
#include <QWidget>
#include <memory>

#include "ui/canvas/style.h"

namespace lacuna::ui {

class Context;
class Renderer;
struct Theme;

/// What views take of a theme.
ViewStyle view_style(const Theme& theme);

/// A plain widget that shows one ImGui window. It draws when something changed and then rests: an event builds frames
/// until ImGui has digested it (they cost a fraction of a millisecond), and only the last of them becomes pixels.
/// Subclasses draw views. From inside `draw` nothing may be signalled but through queued connections.
class Canvas : public QWidget {
    Q_OBJECT

  public:
    explicit Canvas(QWidget* parent = nullptr);
    ~Canvas() override;

    /// Something that the views draw has changed: show it soon.
    void request();
    /// Whether everything that happened so far has become pixels, so that no further frame is due.
    bool at_rest() const;
    /// The picture at a size and scale of its own, with everything in it complete, whether the widget is shown or not.
    QImage render(QSize size, double scale);
    /// Follows the current theme; also done by itself when the application's palette changes.
    void set_theme(const Theme& theme);
    /// "cpu" or "gl (driver)"; starts the renderer if it has not been needed yet.
    std::string renderer_name();

    QSize sizeHint() const override { return {480, 320}; }

  protected:
    /// Calls ImGui to draw `width` × `height` logical pixels. True asks for another frame, because not everything
    /// could be made in this one's time.
    virtual bool draw(const ViewStyle& style, float width, float height) = 0;
    /// To be called by the destructor of each subclass, before its views go: frees their textures.
    void close();

    bool event(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void keyReleaseEvent(QKeyEvent* event) override;
    void inputMethodEvent(QInputMethodEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void focusInEvent(QFocusEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;
    bool focusNextPrevChild(bool next) override;

  private:
    void start();
    void build_frame(QSizeF size, double scale, float seconds);
    /// Builds frames until all input is digested and the view is content, or the time for one picture is over.
    void settle(QSizeF size, double scale, bool to_the_end);
    void paint_focus_ring(QPainter& painter);
    void feed_position(QPointF position);

    std::unique_ptr<Context> context_;
    std::unique_ptr<Renderer> renderer_;
    ViewStyle style_;
    QImage image_;
    QElapsedTimer clock_;
    int frames_due_ = 2;
    bool wants_more_ = false;
    bool moved_since_frame_ = false;
};

}  // namespace lacuna::ui
