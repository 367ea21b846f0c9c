#pragma once

#include <QLabel>

namespace lacuna::ui {

/// A line of plain text that gives way: where it has no room for all of it, it ends in an ellipsis.
class ElidedLabel : public QLabel {
    Q_OBJECT
  public:
    explicit ElidedLabel(QWidget* parent = nullptr);

    QSize minimumSizeHint() const override;

  private:
    void paintEvent(QPaintEvent* event) override;
};

}  // namespace lacuna::ui
