#include "ui/shell/option_editor.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QStyle>
#include <QToolButton>
#include <QVBoxLayout>

#include "engine/base/error.h"
#include "ui/shell/option_fields.h"
#include "ui/shell/plain_label.h"
#include "ui/shell/text_format.h"

namespace lacuna::ui {
namespace {

constexpr qsizetype longest_line = 20;  ///< characters of a name that stands beside its field

}  // namespace

OptionEditor* OptionEditor::make(const OptionSpec& spec, QWidget* parent) {
    switch (spec.type) {
        case OptionType::number:
            return new NumberEditor(spec, parent);
        case OptionType::integer:
            return new IntegerEditor(spec, parent);
        case OptionType::boolean:
            return new BooleanEditor(spec, parent);
        case OptionType::choice:
            return new ChoiceEditor(spec, parent);
        case OptionType::block_shape:
            return new BlockEditor(spec, parent);
        case OptionType::formula:
            return new FormulaEditor(spec, parent);
    }
    return nullptr;
}

OptionEditor::OptionEditor(const OptionSpec& spec, Place place, QWidget* parent)
    : QWidget(parent),
      spec_(spec),
      field_(new QHBoxLayout),
      reset_(new QToolButton(this)),
      help_(plain_label(this, "hint", to_qstring(spec.help))),
      problem_(plain_label(this, "problem")) {
    const QString title = title_from_name(spec.name);
    const QString fallback =
        spec.default_value ? to_qstring(to_string(*spec.default_value)) : to_qstring(spec.default_text);
    setObjectName(to_qstring(spec.name));
    setToolTip(QStringLiteral("<b>%1</b><br>%2<br>%3")
                   .arg(to_qstring(spec.name), to_qstring(spec.help).toHtmlEscaped(),
                        tr("Default: %1").arg(fallback.toHtmlEscaped())));

    auto* label = new QLabel(title, this);
    label->setProperty("role", "field");
    label->setWordWrap(title.size() > longest_line);  // a long name must not widen the form past its dock
    reset_->setText(tr("Reset"));
    reset_->setObjectName(QStringLiteral("reset"));
    reset_->setProperty("role", "link");
    reset_->setToolTip(tr("Back to the default: %1").arg(fallback));
    reset_->setAccessibleName(tr("Reset %1").arg(title.toLower()));
    // The room stays when the button goes, so that rows do not jump.
    QSizePolicy keeps = reset_->sizePolicy();
    keeps.setRetainSizeWhenHidden(true);
    reset_->setSizePolicy(keeps);
    reset_->hide();
    connect(reset_, &QToolButton::clicked, this, &OptionEditor::reset);

    problem_->hide();

    auto* head = new QHBoxLayout;
    head->addWidget(label, 1);
    head->addWidget(reset_);
    field_->setSpacing(8);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(4);
    column->addLayout(head);
    if (place == Place::Below)
        column->addLayout(field_);
    else
        head->addLayout(field_);
    column->addWidget(problem_);
    column->addWidget(help_);
}

void OptionEditor::add_field(QWidget* widget, const QString& accessible_suffix, int stretch) {
    widget->setAccessibleName(title_from_name(spec_.name) + accessible_suffix);
    widget->setAccessibleDescription(to_qstring(spec_.help));
    field_->addWidget(widget, stretch);
}

void OptionEditor::show_state(const State& state) {
    state_ = state;
    if (!held_) apply();
}

void OptionEditor::show_problem(const QString& problem) {
    problem_->setText(problem);
    problem_->setVisible(!problem.isEmpty());
}

QString OptionEditor::problem() const {
    return problem_->text();
}

QString OptionEditor::problem_with(const OptionValue& value) const {
    try {
        const OptionValue fitting = checked(spec_, value);
        return check_ ? check_(fitting) : QString();
    } catch (const Error& error) {
        return to_qstring(error.problem());
    }
}

void OptionEditor::hold() {
    held_ = true;
}

void OptionEditor::release() {
    held_ = false;
}

void OptionEditor::emit_edited(const OptionValue& value, bool dragging) {
    state_ = {value, true};
    reset_->setVisible(true);
    Q_EMIT edited(value, dragging);
}

void OptionEditor::apply() {
    set_value(state_.value);
    reset_->setVisible(state_.given);
}

}  // namespace lacuna::ui
