#pragma once

#include <QFrame>

#include "engine/session/session.h"

namespace lacuna::ui {

/// One notice: a mark for its kind, a line of text, what to do about it, and a button that closes it.
class NoticeRow : public QFrame {
    Q_OBJECT
  public:
    explicit NoticeRow(const Notice& notice, QWidget* parent = nullptr);
};

}  // namespace lacuna::ui
