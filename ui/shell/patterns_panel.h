#pragma once

#include <QWidget>
#include <vector>

#include "engine/session/session.h"

class QGridLayout;
class QLabel;

namespace lacuna::ui {

/// What is zero from end to end in the tensor that is looked at, as an export would write it, and which N:M patterns
/// it keeps to: the words and numbers of `lacuna-cli inspect --patterns`.
class PatternsPanel : public QWidget {
    Q_OBJECT
  public:
    explicit PatternsPanel(QWidget* parent = nullptr);

    void set_snapshot(const SnapshotPtr& snapshot);

  private:
    /// "Zero rows | 3 of 64 | 4.7 %"
    struct Row {
        QLabel *name, *count, *share;
    };
    void add_row(QGridLayout* grid, const QString& name, const QString& tip);
    void show(const Patterns& patterns, bool empty);

    TensorPatternsPtr shown_;
    QLabel *title_, *subtitle_, *nothing_;
    QWidget* body_;
    QWidget* table_;
    std::vector<Row> rows_;
};

}  // namespace lacuna::ui
