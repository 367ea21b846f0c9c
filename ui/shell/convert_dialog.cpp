#include "ui/shell/convert_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/shell/option_form.h"
#include "ui/shell/output_path.h"
#include "ui/shell/plain_label.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int dialog_width = 560;

}  // namespace

std::optional<Shape> shape_from(const QString& text) {
    static const QRegularExpression between(QStringLiteral("[\\s,x×]+"));
    Shape shape;
    for (const QString& side : text.split(between, Qt::SkipEmptyParts)) {
        bool whole = false;
        shape.push_back(side.toLongLong(&whole));
        if (!whole || shape.back() < 1) return std::nullopt;
    }
    return shape.empty() ? std::nullopt : std::optional(shape);
}

ConvertDialog::ConvertDialog(SnapshotPtr snapshot, QWidget* parent)
    : QDialog(parent),
      snapshot_(std::move(snapshot)),
      conversion_(new QComboBox(this)),
      help_(plain_label(this, "card")),
      form_(new OptionForm(this)),
      path_(new QLineEdit(this)),
      input_label_(new QLabel(tr("&Input shape"), this)),
      input_(new QLineEdit(this)),
      compared_(plain_label(this, "hint")),
      problem_(plain_label(this, "problem")) {
    setWindowTitle(tr("Convert pruned model"));
    setMinimumWidth(dialog_width);
    for (const Conversion* one : conversions()) conversion_->addItem(to_qstring(one->title), to_qstring(one->name));
    conversion_->setAccessibleName(tr("Conversion"));
    path_->setAccessibleName(tr("File to write"));
    path_->setText(beside_source(snapshot_->model->checkpoint(), QStringLiteral("-converted.pt")));
    input_->setAccessibleName(tr("Input shape"));
    input_->setPlaceholderText(tr("such as 1×3×32×32"));
    input_label_->setBuddy(input_);

    auto* browse_button = new QPushButton(tr("Browse…"), this);
    auto* path_row = new QHBoxLayout;
    path_row->addWidget(path_, 1);
    path_row->addWidget(browse_button);
    auto* path_label = new QLabel(tr("&File"), this);
    path_label->setBuddy(path_);
    auto* fields = new QFormLayout;
    fields->setHorizontalSpacing(Theme::margin);
    fields->setVerticalSpacing(Theme::wide);
    fields->addRow(tr("&Conversion"), conversion_);
    fields->addRow(path_label, path_row);
    auto* input_rows = new QVBoxLayout;
    input_rows->setSpacing(Theme::tight);
    input_rows->addWidget(input_);
    input_rows->addWidget(compared_);
    fields->addRow(input_label_, input_rows);

    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel, this);
    convert_ = new QPushButton(tr("Convert"), this);
    convert_->setProperty("role", "primary");
    buttons->addButton(convert_, QDialogButtonBox::AcceptRole);
    convert_->setDefault(true);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(Theme::section, Theme::section, Theme::section, Theme::margin);
    column->setSpacing(Theme::margin);
    column->addWidget(help_);
    column->addLayout(fields);
    column->addWidget(form_);
    column->addWidget(problem_);
    column->addStretch(1);
    column->addWidget(buttons);

    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(browse_button, &QPushButton::clicked, this, &ConvertDialog::browse);
    connect(path_, &QLineEdit::textChanged, this, &ConvertDialog::check);
    connect(input_, &QLineEdit::textChanged, this, &ConvertDialog::check);
    connect(conversion_, &QComboBox::currentIndexChanged, this, &ConvertDialog::conversion_changed);
    connect(form_, &OptionForm::edited, this,
            [this](const std::string& option, const OptionValue& value) { set_option(option, &value); });
    connect(form_, &OptionForm::reset, this, [this](const std::string& option) { set_option(option, nullptr); });
    conversion_changed();
}

const Conversion& ConvertDialog::chosen() const {
    return conversion(conversion_->currentData().toString().toStdString());
}

ConversionOrder ConvertDialog::order() const {
    ConversionOrder order;
    order.conversion = chosen().name;
    order.options = options_;
    if (!snapshot_->data) order.input_shape = shape_from(input_->text()).value_or(Shape());
    order.out = path_->text().trimmed().toStdString();
    return order;
}

void ConvertDialog::conversion_changed() {
    options_ = {};
    help_->setVisible(conversion_->count() > 0);
    if (conversion_->count() > 0) {
        help_->setText(to_qstring(chosen().help));
        form_->set_specs(chosen().options);
        show_options();
    }
    const bool needs_data = conversion_->count() > 0 && chosen().needs_data;
    for (QWidget* part : {static_cast<QWidget*>(input_label_), static_cast<QWidget*>(input_)})
        part->setVisible(!snapshot_->data && !needs_data);
    compared_->setText(what_is_compared());
    compared_->setVisible(snapshot_->data || !needs_data);
    check();
}

void ConvertDialog::set_option(const std::string& option, const OptionValue* value) {
    if (value) {
        options_.set(option, *value);
    } else {
        options_.erase(option);
    }
    show_options();
}

void ConvertDialog::show_options() {
    form_->show_states([this](const std::string& option) -> OptionEditor::State {
        if (const auto given = options_.values().find(option); given != options_.values().end())
            return {given->second, true};
        const auto& specs = chosen().options;
        const auto spec = std::find_if(specs.begin(), specs.end(), [&](auto& one) { return one.name == option; });
        return {spec->default_value, false};
    });
}

void ConvertDialog::browse() {
    const QString path = QFileDialog::getSaveFileName(this, windowTitle(), path_->text());
    if (!path.isEmpty()) path_->setText(path);
}

/// How the report will know that the written model does what the pruned one does.
QString ConvertDialog::what_is_compared() const {
    if (snapshot_->data)
        return tr("The report says how far the new model's outputs are from the pruned model's, on samples of %1.")
            .arg(to_qstring(snapshot_->data->path().filename().string()));
    return tr(
        "Optional. With a shape, both the pruned and the new model run on one random input, and the report says "
        "how far their outputs differ. Without one they are not run. With data open they run on its samples.");
}

/// Why it cannot be converted so, in words; empty if nothing is known against it.
QString ConvertDialog::problem() const {
    if (conversion_->count() == 0) return tr("This program was built without conversions.");
    if (!snapshot_->model->checkpoint().runnable())
        return tr("This checkpoint carries no code to rewrite; open the model's TorchScript file.");
    if (chosen().needs_data && !snapshot_->data) return tr("This conversion must see samples: open data first.");
    if (!input_->text().trimmed().isEmpty() && !shape_from(input_->text()))
        return tr("The input shape is no list of whole numbers such as 1×3×32×32.");
    return output_problem(path_->text().trimmed(), snapshot_->model->checkpoint());
}

void ConvertDialog::check() {
    const QString text = problem();
    problem_->setText(text);
    problem_->setVisible(!text.isEmpty());
    convert_->setEnabled(text.isEmpty());
    convert_->setText(QFileInfo::exists(path_->text().trimmed()) ? tr("Replace") : tr("Convert"));
}

}  // namespace lacuna::ui
