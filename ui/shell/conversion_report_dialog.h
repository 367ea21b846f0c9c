#pragma once

#include <QDialog>

#include "engine/session/session.h"

namespace lacuna::ui {

/// What a conversion did: sizes before and after, how far the outputs moved, what became of each tensor.
class ConversionReportDialog : public QDialog {
    Q_OBJECT
  public:
    explicit ConversionReportDialog(const ConversionResult& result, QWidget* parent = nullptr);
};

}  // namespace lacuna::ui
