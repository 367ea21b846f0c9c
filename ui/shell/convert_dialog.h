#pragma once

#include <QDialog>
#include <filesystem>

#include "engine/session/session.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace lacuna::ui {

class OptionForm;

/// Asks how a model is to be rewritten so that its zeros pay, with a form made from the conversion's declaration.
class ConvertDialog : public QDialog {
    Q_OBJECT
  public:
    explicit ConvertDialog(SnapshotPtr snapshot, QWidget* parent = nullptr);

    ConversionOrder order() const;
    QComboBox* conversion_field() const { return conversion_; }
    QLineEdit* path_field() const { return path_; }
    OptionForm* form() const { return form_; }
    QLabel* problem_text() const { return problem_; }
    QPushButton* convert_button() const { return convert_; }

  private:
    const Conversion& chosen() const;
    QString problem() const;
    QString what_is_compared() const;
    void browse();
    void conversion_changed();
    void set_option(const std::string& option, const OptionValue* value);
    void show_options();
    void check();

    SnapshotPtr snapshot_;
    Options options_;  ///< as given
    QComboBox* conversion_;
    QLabel* help_;
    OptionForm* form_;
    QLineEdit* path_;
    QLabel* input_label_;
    QLineEdit* input_;
    QLabel* compared_;
    QLabel* problem_;
    QPushButton* convert_;
};

/// "1x3x32x32", "1, 3, 32, 32" or "1 3 32 32" as a shape; nothing if it is none.
std::optional<Shape> shape_from(const QString& text);

}  // namespace lacuna::ui
