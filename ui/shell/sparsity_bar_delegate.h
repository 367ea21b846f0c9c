#pragma once

#include <QStyledItemDelegate>

namespace lacuna::ui {

/// Draws a sparsity as a bar with its percentage: what the steps took solid, what the preview would add hatched, what
/// it would give back as an outline.
class SparsityBarDelegate : public QStyledItemDelegate {
    Q_OBJECT
  public:
    using QStyledItemDelegate::QStyledItemDelegate;

    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

}  // namespace lacuna::ui
