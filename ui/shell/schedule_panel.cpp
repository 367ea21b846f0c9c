#include "ui/shell/schedule_panel.h"

#include <QAbstractItemView>
#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/session/document_schedule.h"
#include "ui/canvas/schedule_canvas.h"
#include "ui/shell/option_form.h"
#include "ui/shell/selection_values.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int canvas_height = 200;

QLabel* make_label(QWidget* parent, const char* role) {
    auto* label = new QLabel(parent);
    label->setProperty("role", role);
    label->setWordWrap(true);
    return label;
}

OptionSpec steps_spec() {
    OptionSpec spec;
    spec.name = "steps";
    spec.type = OptionType::integer;
    spec.help = "Steps in all, those already taken among them. Step 1 is taken at epoch 0.";
    spec.default_value = int64_t(1);
    spec.minimum = 1;
    spec.maximum = most_steps;
    return spec;
}

QPushButton* make_button(QWidget* parent, const QString& text, const QString& tip) {
    auto* button = new QPushButton(text, parent);
    button->setToolTip(tip);
    return button;
}

}  // namespace

SchedulePanel::SchedulePanel(QWidget* parent)
    : QWidget(parent),
      snapshot_(std::make_shared<const Snapshot>()),
      canvas_(new ScheduleCanvas(this)),
      rule_(new QComboBox(this)),
      rule_help_(make_label(this, "hint")),
      steps_(OptionEditor::make(steps_spec(), this)),
      body_(new QWidget(this)),
      remark_(make_label(this, "hint")),
      scope_text_(make_label(this, "title")),
      form_(new OptionForm(this)),
      fit_(make_button(this, tr("Fit to steps"), tr("Let every curve end at the last step"))),
      run_(make_button(this, tr("Take all"), tr("Take the steps that are left"))),
      restart_(make_button(this, tr("Start over"), tr("Back to before the first step"))) {
    setObjectName(QStringLiteral("schedule"));
    canvas_->setMinimumHeight(canvas_height);
    rule_->addItem(tr("None: one level for all steps"), QString());
    for (const Schedule* one : schedules()) rule_->addItem(to_qstring(one->title()), to_qstring(one->name()));
    rule_->setAccessibleName(tr("Schedule"));

    auto* body = new QVBoxLayout(body_);
    body->setContentsMargins(0, 0, 0, 0);
    body->setSpacing(Theme::margin);
    body->addWidget(steps_);
    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(Theme::space);
    for (QPushButton* button : {run_, restart_, fit_}) {
        button->setProperty("role", "small");
        buttons->addWidget(button, 1);
    }
    body->addLayout(buttons);
    body->addWidget(remark_);
    body->addWidget(scope_text_);
    body->addWidget(form_);

    auto* inside = new QWidget(this);
    auto* column = new QVBoxLayout(inside);
    column->setContentsMargins(Theme::wide, Theme::wide, Theme::wide, Theme::wide);
    column->setSpacing(Theme::tight);
    column->addWidget(rule_);
    column->addWidget(rule_help_);
    column->addSpacing(Theme::wide);
    column->addWidget(body_);
    column->addStretch(1);
    auto* scroll = new QScrollArea(this);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setFocusPolicy(Qt::NoFocus);
    scroll->setWidget(inside);
    auto* whole = new QVBoxLayout(this);
    whole->setContentsMargins(0, 0, 0, 0);
    whole->setSpacing(0);
    whole->addWidget(canvas_, 2);
    whole->addWidget(scroll, 5);

    connect(rule_, &QComboBox::activated, this,
            [this](int index) { Q_EMIT scheduler_chosen(rule_->itemData(index).toString().toStdString()); });
    connect(steps_, &OptionEditor::edited, this,
            [this](const OptionValue& value) { Q_EMIT steps_edited(int(std::get<int64_t>(value))); });
    connect(form_, &OptionForm::edited, this, [this](const std::string& option, const OptionValue& value, bool more) {
        Q_EMIT option_edited(scope_, option, value, more);
    });
    connect(form_, &OptionForm::reset, this,
            [this](const std::string& option) { Q_EMIT option_reset(scope_, option); });
    form_->set_check(
        [this](const std::string& option, const OptionValue& value) { return problem_with(option, value); });
    connect(fit_, &QPushButton::clicked, this, &SchedulePanel::fit_wanted);
    connect(run_, &QPushButton::clicked, this, &SchedulePanel::run_wanted);
    connect(restart_, &QPushButton::clicked, this, &SchedulePanel::restart_wanted);
    refresh();
}

void SchedulePanel::set_snapshot(const SnapshotPtr& snapshot) {
    const bool same = snapshot_->model == snapshot->model && snapshot_->tensors == snapshot->tensors &&
                      snapshot_->schedule.has_value() == snapshot->schedule.has_value() &&
                      (!snapshot->schedule || (snapshot_->schedule->rule == snapshot->schedule->rule &&
                                               snapshot_->schedule->steps == snapshot->schedule->steps)) &&
                      snapshot_->steps == snapshot->steps;
    if (snapshot_->model != snapshot->model) selection_.clear();
    snapshot_ = snapshot;
    if (!same) refresh();
}

void SchedulePanel::set_selection(std::vector<size_t> tensors) {
    selection_ = std::move(tensors);
    refresh();
}

OptionEditor* SchedulePanel::editor(const QString& option) const {
    return form_->editor(option);
}

void SchedulePanel::refresh() {
    canvas_->set_plot(schedule_plot(*snapshot_));
    show_schedule();
    body_->setVisible(snapshot_->schedule.has_value());
    if (!snapshot_->schedule) return;
    show_scope();
    show_remark();
}

void SchedulePanel::show_schedule() {
    const Schedule* rule = snapshot_->schedule ? snapshot_->schedule->rule : nullptr;
    const bool possible = rule || can_be_scheduled(*snapshot_);
    rule_->setEnabled(possible);
    if (!rule_->view()->isVisible()) rule_->setCurrentIndex(rule ? rule_->findData(to_qstring(rule->name())) : 0);
    rule_help_->setText(rule       ? to_qstring(rule->help())
                        : possible ? tr("Choose a schedule to let the levels rise from step to step.")
                                   : tr("Choose a sparsifier with a sparsity level for a layer first."));
    rule_help_->setToolTip(rule ? tr("After %1").arg(to_qstring(rule->source())) : QString());
}

/// The selected tensors that have a level, or all that have one.
void SchedulePanel::show_scope() {
    const std::vector<size_t> all = tensors_with_level(*snapshot_);
    scope_.clear();
    std::set_intersection(all.begin(), all.end(), selection_.begin(), selection_.end(), std::back_inserter(scope_));
    if (scope_.empty()) scope_ = all;
    const Schedule& rule = *snapshot_->schedule->rule;
    scope_text_->setVisible(!scope_.empty() && !rule.options().empty());
    if (!scope_.empty())
        scope_text_->setText(scope_.size() == all.size()
                                 ? tr("Curve of all layers")
                                 : tr("Curve of %1").arg(to_qstring(group_name(*snapshot_, scope_))));
    form_->set_specs(scope_.empty() ? std::span<const OptionSpec>() : rule.options());
    std::vector<TensorStatePtr> states;
    for (const size_t tensor : scope_) states.push_back(snapshot_->tensors[tensor]);
    const SelectionValues values(rule, states);
    form_->show_states([&](const std::string& option) { return values.of(option); });
    steps_->show_state({int64_t(snapshot_->schedule->steps), false});
    run_->setEnabled(snapshot_->steps < snapshot_->schedule->steps);
    restart_->setEnabled(snapshot_->steps > 0);
}

/// Says where a curve does not come to its end within the steps.
void SchedulePanel::show_remark() {
    const auto& curves = canvas_->plot().curves;
    const auto short_of = std::find_if(curves.begin(), curves.end(), [](const ScheduleCurve& curve) {
        return !curve.levels.empty() && std::abs(curve.levels.back() - curve.target) > 5e-4;
    });
    const bool ends = short_of == curves.end();
    const bool fits = ends || !can_be_fitted();
    fit_->setEnabled(!fits);
    remark_->setVisible(!ends);
    if (ends) return;
    const QString text =
        tr("The last step takes %1 to %2 where %3 was asked for.")
            .arg(to_qstring(short_of->name), percent_text(short_of->levels.back()), percent_text(short_of->target));
    remark_->setText(fits ? text : text + tr(" Fit the curve to the steps, or take more of them."));
}

bool SchedulePanel::can_be_fitted() const {
    const ScheduleState& schedule = *snapshot_->schedule;
    return std::any_of(snapshot_->tensors.begin(), snapshot_->tensors.end(), [&](const TensorStatePtr& state) {
        return own_level(*state) && schedule.rule->fitted(state->schedule, schedule.steps) != state->schedule;
    });
}

QString SchedulePanel::problem_with(const std::string& option, const OptionValue& value) const {
    const ScheduleState& schedule = *snapshot_->schedule;
    const TensorState* last = nullptr;
    try {
        for (const size_t tensor : scope_) {
            const TensorState& state = *snapshot_->tensors[tensor];
            const bool same = last && last->options == state.options && last->schedule == state.schedule;
            last = &state;
            const auto level = own_level(state);
            if (same || !level) continue;  // most neighbours have equal options
            Options options = state.schedule;
            options.set(option, value);
            schedule_curve(*schedule.rule, schedule.rule->complete(options), *level, schedule.steps);
        }
    } catch (const Error& error) {
        return to_qstring(error.problem());
    }
    return {};
}

}  // namespace lacuna::ui
