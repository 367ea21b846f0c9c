#pragma once

#include <QObject>
#include <QStringList>

class QMenu;

namespace lacuna::ui {

/// Models opened lately, newest first, remembered between runs.
class RecentFiles : public QObject {
    Q_OBJECT
  public:
    explicit RecentFiles(QObject* parent = nullptr);

    QStringList paths() const;
    void add(const QString& path);
    void clear();
    /// Fills the menu each time it opens.
    void attach(QMenu* menu);

  Q_SIGNALS:
    void chosen(const QString& path);

  private:
    void fill(QMenu* menu);
};

}  // namespace lacuna::ui
