#pragma once

#include <QWidget>
#include <functional>
#include <span>
#include <vector>

#include "ui/shell/option_editor.h"

class QVBoxLayout;

namespace lacuna::ui {

/// Editors for a list of declared options, one below the other.
class OptionForm : public QWidget {
    Q_OBJECT
  public:
    explicit OptionForm(QWidget* parent = nullptr);

    /// Makes the form anew where `specs` are others than before. They must outlive it; none hides it.
    void set_specs(std::span<const OptionSpec> specs);
    /// What editors ask before they send a typed value.
    void set_check(std::function<QString(const std::string& option, const OptionValue& value)> check);
    void show_states(const std::function<OptionEditor::State(const std::string& option)>& state_of);
    /// Null if there is none of that name.
    OptionEditor* editor(const QString& option) const;

  Q_SIGNALS:
    void edited(const std::string& option, const lacuna::OptionValue& value, bool dragging);
    void reset(const std::string& option);

  private:
    std::function<QString(const std::string& option, const OptionValue& value)> check_;
    std::span<const OptionSpec> specs_;
    QVBoxLayout* rows_;
    std::vector<OptionEditor*> editors_;
};

}  // namespace lacuna::ui
