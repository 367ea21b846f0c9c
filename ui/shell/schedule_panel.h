#pragma once

#include <QWidget>
#include <vector>

#include "engine/session/session.h"

class QComboBox;
class QLabel;
class QPushButton;
class QVBoxLayout;

namespace lacuna::ui {

class OptionEditor;
class ScheduleCanvas;
class SchedulerForm;

/// How sparsity levels move from step to step: the curves, and a form for each of the schedulers that move them.
class SchedulePanel : public QWidget {
    Q_OBJECT
  public:
    explicit SchedulePanel(QWidget* parent = nullptr);

    void set_snapshot(const SnapshotPtr& snapshot);
    /// Whose curves the options are of; those of all if none of them has a level.
    void set_selection(std::vector<size_t> tensors);

    ScheduleCanvas& canvas() { return *canvas_; }
    /// Of a scheduler, from 0; the one behind the last adds another.
    QComboBox* scheduler_field(size_t scheduler = 0) const;
    OptionEditor* editor(const QString& option, size_t scheduler = 0) const;
    OptionEditor* steps_field() const { return steps_; }
    QPushButton* fit_button() const { return fit_; }
    QPushButton* run_button() const { return run_; }
    QPushButton* restart_button() const { return restart_; }
    QLabel* remark() const { return remark_; }

  Q_SIGNALS:
    void schedulers_chosen(const std::vector<std::string>& names);
    void steps_edited(int steps);
    void option_edited(const std::vector<size_t>& tensors, size_t scheduler, const std::string& option,
                       const lacuna::OptionValue& value, bool dragging);
    void option_reset(const std::vector<size_t>& tensors, size_t scheduler, const std::string& option);
    void fit_wanted();
    void run_wanted();
    void restart_wanted();

  private:
    void refresh();
    SchedulerForm* make_form(size_t scheduler);
    void choose(size_t scheduler, const std::string& name);
    void show_schedulers();
    void show_scope();
    void show_remark();
    /// Why the scope's curves cannot be drawn with this value; empty: they can.
    QString problem_with(size_t scheduler, const std::string& option, const OptionValue& value) const;
    bool can_be_fitted() const;

    SnapshotPtr snapshot_;
    std::vector<size_t> selection_;
    std::vector<size_t> scope_;  ///< the tensors that the options are edited of
    ScheduleCanvas* canvas_;
    OptionEditor* steps_;
    QWidget* plan_;  ///< what is there once there is a schedule
    QLabel* remark_;
    QLabel* scope_text_;
    QPushButton *fit_, *run_, *restart_;
    QVBoxLayout* column_;
    std::vector<SchedulerForm*> forms_;  ///< one for each scheduler, and one to add another
};

}  // namespace lacuna::ui
