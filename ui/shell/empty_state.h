#pragma once

#include <QWidget>

namespace lacuna::ui {

/// What the window's centre shows while nothing is open: what this is and how to begin.
class EmptyState : public QWidget {
    Q_OBJECT
  public:
    /// `demo`: the demo model's path, or empty where it is not installed.
    explicit EmptyState(const QString& demo, QWidget* parent = nullptr);

  Q_SIGNALS:
    void open_wanted();
    void demo_wanted();

  private:
    void paintEvent(QPaintEvent* event) override;
};

}  // namespace lacuna::ui
