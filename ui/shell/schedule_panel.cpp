#include "ui/shell/schedule_panel.h"

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
#include "ui/shell/option_editor.h"
#include "ui/shell/panel_scroll.h"
#include "ui/shell/plain_label.h"
#include "ui/shell/scheduler_form.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int canvas_height = 200;

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
      steps_(OptionEditor::make(steps_spec(), this)),
      plan_(new QWidget(this)),
      remark_(plain_label(this, "hint")),
      scope_text_(plain_label(this, "title")),
      fit_(make_button(this, tr("Fit to steps"), tr("Let every curve end at the last step"))),
      run_(make_button(this, tr("Take all"), tr("Take the steps that are left"))),
      restart_(make_button(this, tr("Start over"), tr("Back to before the first step"))) {
    setObjectName(QStringLiteral("schedule"));
    canvas_->setMinimumHeight(canvas_height);
    auto* plan = new QVBoxLayout(plan_);
    plan->setContentsMargins(0, 0, 0, 0);
    plan->setSpacing(Theme::margin);
    plan->addWidget(steps_);
    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(Theme::space);
    for (QPushButton* button : {run_, restart_, fit_}) {
        button->setProperty("role", "small");
        buttons->addWidget(button, 1);
    }
    plan->addLayout(buttons);
    plan->addWidget(remark_);
    plan->addWidget(scope_text_);

    auto* inside = new QWidget(this);
    column_ = new QVBoxLayout(inside);
    column_->setContentsMargins(Theme::wide, Theme::wide, Theme::wide, Theme::wide);
    column_->setSpacing(Theme::wide);
    column_->addWidget(plan_);
    column_->addStretch(1);
    auto* whole = new QVBoxLayout(this);
    whole->setContentsMargins(0, 0, 0, 0);
    whole->setSpacing(0);
    whole->addWidget(canvas_, 2);
    whole->addWidget(panel_scroll(inside, this), 5);

    connect(steps_, &OptionEditor::edited, this,
            [this](const OptionValue& value) { Q_EMIT steps_edited(int(std::get<int64_t>(value))); });
    connect(fit_, &QPushButton::clicked, this, &SchedulePanel::fit_wanted);
    connect(run_, &QPushButton::clicked, this, &SchedulePanel::run_wanted);
    connect(restart_, &QPushButton::clicked, this, &SchedulePanel::restart_wanted);
    refresh();
}

SchedulerForm* SchedulePanel::make_form(size_t scheduler) {
    auto* form = new SchedulerForm(scheduler, this);
    column_->insertWidget(column_->count() - 1, form);
    connect(form, &SchedulerForm::chosen, this,
            [this, scheduler](const std::string& name) { choose(scheduler, name); });
    connect(form, &SchedulerForm::option_edited, this,
            [this, scheduler](const std::string& option, const OptionValue& value, bool more) {
                Q_EMIT option_edited(scope_, scheduler, option, value, more);
            });
    connect(form, &SchedulerForm::option_reset, this,
            [this, scheduler](const std::string& option) { Q_EMIT option_reset(scope_, scheduler, option); });
    form->set_check([this, scheduler](const std::string& option, const OptionValue& value) {
        return problem_with(scheduler, option, value);
    });
    return form;
}

/// The schedulers that there are, with another one in that place, or none.
void SchedulePanel::choose(size_t scheduler, const std::string& name) {
    std::vector<std::string> names;
    if (snapshot_->schedule)
        for (const Schedule* rule : snapshot_->schedule->rules) names.emplace_back(rule->name());
    if (scheduler < names.size()) names.erase(names.begin() + std::ptrdiff_t(scheduler));
    if (!name.empty()) names.insert(names.begin() + std::ptrdiff_t(std::min(scheduler, names.size())), name);
    Q_EMIT schedulers_chosen(names);
}

void SchedulePanel::set_snapshot(const SnapshotPtr& snapshot) {
    const bool same = snapshot_->model == snapshot->model && snapshot_->tensors == snapshot->tensors &&
                      snapshot_->schedule == snapshot->schedule && snapshot_->steps == snapshot->steps;
    if (snapshot_->model != snapshot->model) selection_.clear();
    snapshot_ = snapshot;
    if (!same) refresh();
}

void SchedulePanel::set_selection(std::vector<size_t> tensors) {
    selection_ = std::move(tensors);
    refresh();
}

QComboBox* SchedulePanel::scheduler_field(size_t scheduler) const {
    return forms_.at(scheduler)->field();
}

OptionEditor* SchedulePanel::editor(const QString& option, size_t scheduler) const {
    return forms_.at(scheduler)->editor(option);
}

void SchedulePanel::refresh() {
    canvas_->set_plot(schedule_plot(*snapshot_));
    show_schedulers();
    plan_->setVisible(snapshot_->schedule.has_value());
    if (!snapshot_->schedule) return;
    show_scope();
    show_remark();
}

void SchedulePanel::show_schedulers() {
    const size_t count = snapshot_->schedule ? snapshot_->schedule->rules.size() : 0;
    while (forms_.size() < count + 1) forms_.push_back(make_form(forms_.size()));
    for (size_t i = 0; i < forms_.size(); ++i) {
        forms_[i]->setVisible(i <= count);
        forms_[i]->setEnabled(true);
        forms_[i]->show_rule(i < count ? snapshot_->schedule->rules[i] : nullptr);
        if (i >= count) forms_[i]->show_options({});
    }
    const bool possible = count > 0 || can_be_scheduled(*snapshot_);
    forms_[count]->setEnabled(possible);
    forms_[count]->show_rule(nullptr, count > 0  ? tr("Choose another scheduler to change what those above have set.")
                                      : possible ? tr("Choose a schedule to let the levels rise from step to step.")
                                                 : tr("Choose a sparsifier with a sparsity level for a layer first."));
}

/// The selected tensors that have a level, or all that have one.
void SchedulePanel::show_scope() {
    const std::vector<size_t> all = tensors_with_level(*snapshot_);
    scope_.clear();
    std::set_intersection(all.begin(), all.end(), selection_.begin(), selection_.end(), std::back_inserter(scope_));
    if (scope_.empty()) scope_ = all;
    scope_text_->setVisible(!scope_.empty());
    if (!scope_.empty())
        scope_text_->setText(scope_.size() == all.size()
                                 ? tr("Curve of all layers")
                                 : tr("Curve of %1").arg(to_qstring(group_name(*snapshot_, scope_))));
    std::vector<TensorStatePtr> states;
    for (const size_t tensor : scope_) states.push_back(snapshot_->tensors[tensor]);
    for (size_t i = 0; i < snapshot_->schedule->rules.size(); ++i) forms_[i]->show_options(states);
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
    const auto changes = [&](const TensorState& state, size_t i) {
        const Options& now = schedule_options(state, i);
        return schedule.rules[i]->fitted(now, schedule.steps) != now;
    };
    return std::any_of(snapshot_->tensors.begin(), snapshot_->tensors.end(), [&](const TensorStatePtr& state) {
        if (!own_level(*state)) return false;
        for (size_t i = 0; i < schedule.rules.size(); ++i)
            if (changes(*state, i)) return true;
        return false;
    });
}

QString SchedulePanel::problem_with(size_t scheduler, const std::string& option, const OptionValue& value) const {
    const ScheduleState& schedule = *snapshot_->schedule;
    const TensorState* last = nullptr;
    try {
        for (const size_t tensor : scope_) {
            const TensorState& state = *snapshot_->tensors[tensor];
            const bool same = last && last->options == state.options && last->schedule == state.schedule;
            last = &state;
            const auto level = own_level(state);
            if (same || !level) continue;  // most neighbours have equal options
            TensorState edited = state;
            edited.schedule.resize(schedule.rules.size());
            edited.schedule.at(scheduler).set(option, value);
            schedule_curve(links_of(schedule, edited), *level, schedule.steps);
        }
    } catch (const Error& error) {
        return to_qstring(error.problem());
    }
    return {};
}

}  // namespace lacuna::ui
