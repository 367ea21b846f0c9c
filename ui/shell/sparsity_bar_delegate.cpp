#include "ui/shell/sparsity_bar_delegate.h"

#include <QApplication>
#include <QPainter>
#include <QPainterPath>
#include <algorithm>

#include "ui/shell/layer_tree_model.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int bar_height = 6;
constexpr int number_width = 56;  // of "100.0 %"
constexpr int smallest_bar = 16;

void draw_bar(QPainter& painter, const QRectF& track, const SparsityBar& bar) {
    const Theme& theme = Theme::current();
    const QColor ink = theme.kept;
    QColor quiet = theme.pruned;
    quiet.setAlphaF(0.35F);
    const auto part = [&track](double from, double to) {
        return QRectF(track.left() + from * track.width(), track.top(), (to - from) * track.width(), track.height());
    };
    QPainterPath shape;
    shape.addRoundedRect(track, track.height() / 2, track.height() / 2);
    painter.setClipPath(shape, Qt::IntersectClip);
    painter.fillRect(track, quiet);
    painter.fillRect(part(0, std::min(bar.stepped, bar.shown)), ink);
    if (bar.shown > bar.stepped) {
        QColor light = ink;
        light.setAlphaF(0.35F);
        const QRectF added = part(bar.stepped, bar.shown);
        painter.fillRect(added, light);
        painter.fillRect(added, QBrush(ink, Qt::BDiagPattern));
    } else if (bar.shown < bar.stepped) {
        painter.fillRect(part(bar.shown, bar.stepped), QBrush(ink, Qt::Dense6Pattern));
    }
}

}  // namespace

void SparsityBarDelegate::paint(QPainter* painter, const QStyleOptionViewItem& given, const QModelIndex& index) const {
    QStyleOptionViewItem option = given;
    initStyleOption(&option, index);
    const QString text = option.text;
    option.text.clear();
    const QStyle* style = option.widget ? option.widget->style() : QApplication::style();
    style->drawControl(QStyle::CE_ItemViewItem, &option, painter, option.widget);

    const QVariant value = index.data(LayerTreeModel::BarRole);
    if (!value.isValid()) return;
    const auto bar = value.value<SparsityBar>();
    const QRect area = option.rect.adjusted(0, 0, -Theme::space, 0);

    painter->save();
    painter->setFont(option.font);
    painter->setPen(Theme::current().text);
    painter->drawText(QRect(area.left(), area.top(), number_width - Theme::tight, area.height()),
                      Qt::AlignRight | Qt::AlignVCenter, text);
    const QRectF track(area.left() + number_width, area.center().y() - bar_height / 2 + 1, area.width() - number_width,
                       bar_height);
    painter->setRenderHint(QPainter::Antialiasing);
    if (track.width() >= smallest_bar) draw_bar(*painter, track, bar);
    painter->restore();
}

QSize SparsityBarDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
    return {number_width + 2 * smallest_bar, QStyledItemDelegate::sizeHint(option, index).height()};
}

}  // namespace lacuna::ui
