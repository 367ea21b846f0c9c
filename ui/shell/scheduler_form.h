#pragma once

#include <QWidget>

#include "engine/session/session.h"
#include "ui/shell/option_editor.h"

class QComboBox;
class QLabel;

namespace lacuna::ui {

class OptionForm;

/// One scheduler of a schedule: which it is, and its options as a form made from its declaration.
class SchedulerForm : public QWidget {
    Q_OBJECT
  public:
    /// `scheduler`: its place in the schedule, from 0.
    SchedulerForm(size_t scheduler, QWidget* parent);

    /// Null: none is chosen. Without `hint` the help is the scheduler's own.
    void show_rule(const Schedule* rule, const QString& hint = {});
    /// The options of its curves; hidden where there is no tensor that they are of.
    void show_options(const std::vector<TensorStatePtr>& states);
    /// Why the curves cannot be drawn with an option's value; asked before a typed one is sent.
    void set_check(std::function<QString(const std::string& option, const OptionValue& value)> check);

    QComboBox* field() const { return rule_box_; }
    OptionEditor* editor(const QString& option) const;

  Q_SIGNALS:
    void chosen(const std::string& name);
    void option_edited(const std::string& option, const lacuna::OptionValue& value, bool dragging);
    void option_reset(const std::string& option);

  private:
    const size_t scheduler_;
    const Schedule* rule_ = nullptr;
    QComboBox* rule_box_;
    QLabel* help_;
    OptionForm* options_;
};

}  // namespace lacuna::ui
