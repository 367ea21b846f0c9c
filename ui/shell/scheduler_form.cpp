#include "ui/shell/scheduler_form.h"

#include <QAbstractItemView>
#include <QComboBox>
#include <QLabel>
#include <QVBoxLayout>

#include "ui/shell/option_form.h"
#include "ui/shell/selection_values.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {

SchedulerForm::SchedulerForm(size_t scheduler, QWidget* parent)
    : QWidget(parent),
      scheduler_(scheduler),
      rule_box_(new QComboBox(this)),
      help_(new QLabel(this)),
      options_(new OptionForm(this)) {
    rule_box_->addItem(scheduler == 0 ? tr("None: one level for all steps") : tr("None"), QString());
    for (const Schedule* one : schedules()) rule_box_->addItem(to_qstring(one->title()), to_qstring(one->name()));
    rule_box_->setAccessibleName(tr("Scheduler"));
    help_->setProperty("role", "hint");
    help_->setWordWrap(true);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(Theme::tight);
    if (scheduler > 0) {
        auto* then = new QLabel(tr("Then"), this);
        then->setProperty("role", "field");
        column->addWidget(then);
    }
    column->addWidget(rule_box_);
    column->addWidget(help_);
    column->addSpacing(Theme::space);
    column->addWidget(options_);
    connect(rule_box_, &QComboBox::activated, this,
            [this](int index) { Q_EMIT chosen(rule_box_->itemData(index).toString().toStdString()); });
    connect(options_, &OptionForm::edited, this, &SchedulerForm::option_edited);
    connect(options_, &OptionForm::reset, this, &SchedulerForm::option_reset);
}

void SchedulerForm::show_rule(const Schedule* rule, const QString& hint) {
    rule_ = rule;
    if (!rule_box_->view()->isVisible())
        rule_box_->setCurrentIndex(rule ? rule_box_->findData(to_qstring(rule->name())) : 0);
    help_->setText(hint.isEmpty() && rule ? to_qstring(rule->help()) : hint);
    help_->setToolTip(rule ? tr("After %1").arg(to_qstring(rule->source())) : QString());
}

void SchedulerForm::show_options(const std::vector<TensorStatePtr>& states) {
    options_->set_specs(!rule_ || states.empty() ? std::span<const OptionSpec>() : rule_->options());
    if (!rule_) return;
    const SelectionValues values(*rule_, scheduler_, states);
    options_->show_states([&](const std::string& option) { return values.of(option); });
}

void SchedulerForm::set_check(std::function<QString(const std::string& option, const OptionValue& value)> check) {
    options_->set_check(std::move(check));
}

OptionEditor* SchedulerForm::editor(const QString& option) const {
    return options_->editor(option);
}

}  // namespace lacuna::ui
