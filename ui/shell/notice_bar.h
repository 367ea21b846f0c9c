#pragma once

#include <QWidget>

#include "engine/session/session.h"

class QVBoxLayout;

namespace lacuna::ui {

/// What the session has to tell, in place above the canvases: newest on top, three at most. Information leaves by
/// itself, warnings and errors stay until they are dismissed.
class NoticeBar : public QWidget {
    Q_OBJECT
  public:
    explicit NoticeBar(QWidget* parent = nullptr);

    /// Shows the snapshot's notices that have not been shown before; those that the session took back go.
    void set_snapshot(const SnapshotPtr& snapshot);
    /// Shows a notice of the window's own.
    void add(const Notice& notice);
    void dismiss_all();
    int count() const;

  private:
    QVBoxLayout* rows_;
    uint64_t seen_ = 0;
};

}  // namespace lacuna::ui
