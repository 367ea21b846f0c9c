#pragma once

#include <QStringList>
#include <QWidget>

namespace lacuna::ui {

/// What the window's centre shows while nothing is open: what this is and how to begin.
class EmptyState : public QWidget {
    Q_OBJECT
  public:
    /// `demo`: the demo model's path, or empty where it is not installed.
    explicit EmptyState(const QString& demo, QWidget* parent = nullptr);

    /// Models opened before, newest first: the first few can be opened again from here.
    void set_recent(const QStringList& paths);

  Q_SIGNALS:
    void open_wanted();
    void demo_wanted();
    void recent_wanted(const QString& path);

  private:
    void paintEvent(QPaintEvent* event) override;

    QWidget* recent_;
};

}  // namespace lacuna::ui
