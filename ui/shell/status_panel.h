#pragma once

#include <QWidget>

#include "engine/session/session.h"

class QLabel;
class QProgressBar;
class QToolButton;

namespace lacuna::ui {

/// What the status bar says: sparsity, kept parameters, accuracy against dense or why it is not known, steps, and the
/// job that runs. Where there is no room for all of it, words end in an ellipsis and tooltips have the whole.
class StatusPanel : public QWidget {
    Q_OBJECT
  public:
    explicit StatusPanel(QWidget* parent = nullptr);

    void set_snapshot(const SnapshotPtr& snapshot);

  Q_SIGNALS:
    void cancel_wanted();
    void data_wanted();

  private:
    QLabel* add_figure(const QString& caption, const char* name);
    void show_figures(const Snapshot& snapshot);
    void show_accuracy(const Snapshot& snapshot);
    void show_job(const Snapshot& snapshot);

    QLabel *sparsity_, *kept_, *accuracy_, *steps_;
    QToolButton* open_data_;  ///< where samples would show the accuracy
    QWidget* job_;
    QLabel *job_title_, *job_progress_;
    QProgressBar* bar_;
    QToolButton* cancel_;
};

/// "97.2 % (dense 98.6 %, −1.4)", as far as it is known; empty without data.
QString accuracy_text(const Snapshot& snapshot);

}  // namespace lacuna::ui
