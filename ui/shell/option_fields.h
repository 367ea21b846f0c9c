#pragma once

#include <QList>

#include "ui/shell/option_editor.h"

class QAbstractButton;
class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLineEdit;
class QSlider;
class QSpinBox;

namespace lacuna::ui {

/// A number: a slider over the soft range beside a spin box over the whole one.
class NumberEditor : public OptionEditor {
    Q_OBJECT
  public:
    NumberEditor(const OptionSpec& spec, QWidget* parent);

  protected:
    void set_value(const std::optional<OptionValue>& value) override;

  private:
    double at_slider(int position) const;
    void move_slider(double value);

    double low_, high_;
    QSlider* slider_;
    QDoubleSpinBox* spin_;
};

/// A whole number: a spin box.
class IntegerEditor : public OptionEditor {
    Q_OBJECT
  public:
    IntegerEditor(const OptionSpec& spec, QWidget* parent);

  protected:
    void set_value(const std::optional<OptionValue>& value) override;

  private:
    QSpinBox* spin_;
};

/// Yes or no: a check box.
class BooleanEditor : public OptionEditor {
    Q_OBJECT
  public:
    BooleanEditor(const OptionSpec& spec, QWidget* parent);

  protected:
    void set_value(const std::optional<OptionValue>& value) override;

  private:
    QCheckBox* check_;
};

/// One of a few words: a combo box.
class ChoiceEditor : public OptionEditor {
    Q_OBJECT
  public:
    ChoiceEditor(const OptionSpec& spec, QWidget* parent);

  protected:
    void set_value(const std::optional<OptionValue>& value) override;

  private:
    QComboBox* combo_;
};

/// The sides of a block: two spin boxes and buttons for the shapes that runtimes like.
class BlockEditor : public OptionEditor {
    Q_OBJECT
  public:
    BlockEditor(const OptionSpec& spec, QWidget* parent);

  protected:
    void set_value(const std::optional<OptionValue>& value) override;

  private:
    void add_presets();
    void show_shape(int64_t rows, int64_t columns);
    void changed();

    QSpinBox* rows_;
    QSpinBox* columns_;
    QList<QAbstractButton*> presets_;
};

/// A formula: a line of text, sent as it is typed while it makes sense. What does not is shown with its error, and
/// gives way to the last formula that did when the keyboard goes elsewhere.
class FormulaEditor : public OptionEditor {
    Q_OBJECT
  public:
    FormulaEditor(const OptionSpec& spec, QWidget* parent);

  protected:
    void set_value(const std::optional<OptionValue>& value) override;

  private:
    void typed(const QString& text);
    void finish();

    QLineEdit* line_;
};

}  // namespace lacuna::ui
