#include "ui/shell/icons.h"

#include <QIconEngine>
#include <QPainter>
#include <QPainterPath>

#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr double grid = 16;        // glyphs are drawn on 16 × 16 units
constexpr double icon_grid = 128;  // the program's icon on 128 × 128

void add_line(QPainterPath& path, std::initializer_list<QPointF> points) {
    path.moveTo(*points.begin());
    for (const QPointF& point : points) path.lineTo(point);
}

QPainterPath outline(Glyph glyph) {
    QPainterPath path;
    switch (glyph) {
        case Glyph::open:
            add_line(path, {{2, 12.5}, {2, 3.5}, {6.2, 3.5}, {7.8, 5.5}, {13, 5.5}, {13, 7.5}});
            add_line(path, {{2, 12.5}, {4.2, 7.5}, {14.6, 7.5}, {12.6, 12.5}, {2, 12.5}});
            break;
        case Glyph::step:
            add_line(path, {{3.5, 3}, {9.5, 8}, {3.5, 13}, {3.5, 3}});
            add_line(path, {{12.5, 3}, {12.5, 13}});
            break;
        case Glyph::undo:
            add_line(path, {{5.8, 2.8}, {2.5, 6}, {5.8, 9.2}});
            path.moveTo(2.5, 6);
            path.lineTo(9.5, 6);
            path.cubicTo({14.8, 6}, {14.8, 13}, {9.5, 13});
            path.lineTo(6, 13);
            break;
        case Glyph::redo:
            add_line(path, {{10.2, 2.8}, {13.5, 6}, {10.2, 9.2}});
            path.moveTo(13.5, 6);
            path.lineTo(6.5, 6);
            path.cubicTo({1.2, 6}, {1.2, 13}, {6.5, 13});
            path.lineTo(10, 13);
            break;
        case Glyph::export_model:
            add_line(path, {{8, 10}, {8, 2.2}});
            add_line(path, {{4.8, 5.2}, {8, 2}, {11.2, 5.2}});
            add_line(path, {{2.5, 9.5}, {2.5, 13.5}, {13.5, 13.5}, {13.5, 9.5}});
            break;
    }
    return path;
}

/// A block of weights with a gap in it: some whole, some faint, some gone.
void draw_app_icon(QPainter& painter) {
    static constexpr const char* weights[] = {"#o#o#", "##.##", "#o..#", "#.#.o", "##o##"};
    constexpr double margin = 22, cell = (icon_grid - 2 * margin) / 5, gap = 1.4;
    QLinearGradient blue(0, 0, icon_grid, icon_grid);
    blue.setColorAt(0, QColor(0x1a7fe0));
    blue.setColorAt(1, QColor(0x0a3f8f));
    painter.setPen(Qt::NoPen);
    painter.setBrush(blue);
    painter.drawRoundedRect(QRectF(4, 4, icon_grid - 8, icon_grid - 8), 28, 28);
    for (int row = 0; row < 5; ++row) {
        for (int column = 0; column < 5; ++column) {
            const char weight = weights[row][column];
            painter.setBrush(QColor(255, 255, 255, weight == '#' ? 255 : weight == 'o' ? 158 : 40));
            painter.drawRoundedRect(
                QRectF(margin + column * cell + gap, margin + row * cell + gap, cell - 2 * gap, cell - 2 * gap), 3.2,
                3.2);
        }
    }
}

class GlyphEngine : public QIconEngine {
  public:
    explicit GlyphEngine(Glyph glyph) : glyph_(glyph) {}

    QIconEngine* clone() const override { return new GlyphEngine(glyph_); }

    void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State) override {
        const Theme& theme = Theme::current();
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        painter->translate(rect.topLeft());
        painter->scale(rect.width() / grid, rect.height() / grid);
        painter->setPen(QPen(mode == QIcon::Disabled ? theme.disabled : theme.text, 1.4, Qt::SolidLine, Qt::RoundCap,
                             Qt::RoundJoin));
        painter->drawPath(outline(glyph_));
        painter->restore();
    }

    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override {
        QPixmap picture(size);
        picture.fill(Qt::transparent);
        QPainter painter(&picture);
        paint(&painter, QRect({}, size), mode, state);
        return picture;
    }

  private:
    Glyph glyph_;
};

}  // namespace

QIcon app_icon() {
    QIcon icon;
    for (int size : {16, 24, 32, 48, 64, 128, 256}) {
        QPixmap picture(size, size);
        picture.fill(Qt::transparent);
        QPainter painter(&picture);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.scale(size / icon_grid, size / icon_grid);
        draw_app_icon(painter);
        icon.addPixmap(picture);
    }
    return icon;
}

QIcon glyph_icon(Glyph glyph) {
    return QIcon(new GlyphEngine(glyph));
}

}  // namespace lacuna::ui
