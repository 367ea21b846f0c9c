#pragma once

#include <QWidget>
#include <vector>

#include "engine/session/session.h"

class QComboBox;
class QLabel;
class QPushButton;

namespace lacuna::ui {

class OptionEditor;
class OptionForm;
class ScheduleCanvas;

/// How sparsity levels move from step to step: the curves, and a form for the schedule made from its declaration.
class SchedulePanel : public QWidget {
    Q_OBJECT
  public:
    explicit SchedulePanel(QWidget* parent = nullptr);

    void set_snapshot(const SnapshotPtr& snapshot);
    /// Whose curves the options are of; those of all if none of them has a level.
    void set_selection(std::vector<size_t> tensors);

    ScheduleCanvas& canvas() { return *canvas_; }
    QComboBox* scheduler_field() const { return rule_; }
    OptionEditor* steps_field() const { return steps_; }
    OptionEditor* editor(const QString& option) const;
    QPushButton* fit_button() const { return fit_; }
    QPushButton* run_button() const { return run_; }
    QPushButton* restart_button() const { return restart_; }
    QLabel* remark() const { return remark_; }

  Q_SIGNALS:
    void scheduler_chosen(const std::string& name);
    void steps_edited(int steps);
    void option_edited(const std::vector<size_t>& tensors, const std::string& option, const lacuna::OptionValue& value,
                       bool dragging);
    void option_reset(const std::vector<size_t>& tensors, const std::string& option);
    void fit_wanted();
    void run_wanted();
    void restart_wanted();

  private:
    void refresh();
    void show_schedule();
    void show_scope();
    void show_remark();
    /// Why the scope's curves cannot be drawn with this value; empty: they can.
    QString problem_with(const std::string& option, const OptionValue& value) const;
    bool can_be_fitted() const;

    SnapshotPtr snapshot_;
    std::vector<size_t> selection_;
    std::vector<size_t> scope_;  ///< the tensors that the options are edited of
    ScheduleCanvas* canvas_;
    QComboBox* rule_;
    QLabel* rule_help_;
    OptionEditor* steps_;
    QWidget* body_;
    QLabel* remark_;
    QLabel* scope_text_;
    OptionForm* form_;
    QPushButton *fit_, *run_, *restart_;
};

}  // namespace lacuna::ui
