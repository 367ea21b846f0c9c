#include "ui/shell/sparsifier_panel.h"

#include <QAbstractItemView>
#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QScrollArea>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <string_view>

#include "engine/session/mask_units.h"
#include "ui/shell/option_form.h"
#include "ui/shell/panel_scroll.h"
#include "ui/shell/plain_label.h"
#include "ui/shell/selection_values.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

/// By what they prune: single weights and blocks, patterns, whole rows and units; rules that are not named here last.
std::vector<const Sparsifier*> in_reading_order() {
    static constexpr std::array<std::string_view, 10> order{"weight_norm",   "magnitude",       "wanda",    "random",
                                                            "n_m",           "nearly_diagonal", "saliency", "fpgm",
                                                            "lstm_saliency", "data_norm"};
    const auto place = [](const Sparsifier* rule) { return std::find(order.begin(), order.end(), rule->name()); };
    std::vector<const Sparsifier*> rules(sparsifiers().begin(), sparsifiers().end());
    std::stable_sort(rules.begin(), rules.end(), [&](auto* a, auto* b) { return place(a) < place(b); });
    return rules;
}

}  // namespace

SparsifierPanel::SparsifierPanel(QWidget* parent)
    : QWidget(parent),
      title_(plain_label(this, "title")),
      subtitle_(plain_label(this, "hint")),
      rule_(new QComboBox(this)),
      rule_help_(plain_label(this, "hint")),
      unit_(plain_label(this, "hint")),
      problem_(plain_label(this, "problem")),
      remark_(plain_label(this, "remark")),
      form_(new OptionForm(this)),
      frozen_(new QCheckBox(tr("Frozen"), this)),
      body_(new QWidget(this)),
      nothing_(plain_label(this, "hint")) {
    setObjectName(QStringLiteral("sparsifier"));
    rule_->addItem(tr("None: left alone"), QString());
    for (const Sparsifier* one : in_reading_order()) rule_->addItem(to_qstring(one->title()), to_qstring(one->name()));
    rule_->setPlaceholderText(tr("mixed"));
    rule_->setAccessibleName(tr("Sparsifier"));
    frozen_->setToolTip(tr("Steps leave the masks of frozen tensors as they are"));
    nothing_->setAlignment(Qt::AlignCenter);

    auto* rows = new QVBoxLayout(body_);
    rows->setContentsMargins(0, 0, 0, 0);
    rows->setSpacing(Theme::tight);
    rows->addWidget(title_);
    rows->addWidget(subtitle_);
    rows->addSpacing(Theme::wide);
    rows->addWidget(rule_);
    rows->addWidget(rule_help_);
    rows->addWidget(unit_);
    rows->addWidget(problem_);
    rows->addWidget(remark_);
    rows->addSpacing(Theme::wide);
    rows->addWidget(form_);
    rows->addSpacing(Theme::wide);
    rows->addWidget(frozen_);

    auto* inside = new QWidget(this);
    auto* column = new QVBoxLayout(inside);
    column->setContentsMargins(Theme::wide, Theme::wide, Theme::wide, Theme::wide);
    column->addWidget(body_);
    column->addWidget(nothing_);
    column->addStretch(1);
    auto* whole = new QVBoxLayout(this);
    whole->setContentsMargins(0, 0, 0, 0);
    whole->addWidget(panel_scroll(inside, this));

    connect(rule_, &QComboBox::activated, this, [this](int index) {
        Q_EMIT sparsifier_chosen(selection_, rule_->itemData(index).toString().toStdString());
    });
    connect(frozen_, &QCheckBox::clicked, this, [this](bool on) {
        frozen_->setTristate(false);
        Q_EMIT freeze_wanted(selection_, on);
    });
    connect(form_, &OptionForm::edited, this, [this](const std::string& option, const OptionValue& value, bool more) {
        Q_EMIT option_edited(selection_, option, value, more);
    });
    connect(form_, &OptionForm::reset, this,
            [this](const std::string& option) { Q_EMIT option_reset(selection_, option); });
    refresh();
}

void SparsifierPanel::set_snapshot(const SnapshotPtr& snapshot) {
    if (!snapshot_ || snapshot_->model != snapshot->model) {
        selection_.clear();
        drawn_.clear();
    }
    snapshot_ = snapshot;
    const auto same = [this](size_t i) { return drawn_[i] == snapshot_->tensors[selection_[i]]; };
    bool unchanged = drawn_.size() == selection_.size() && !drawn_.empty();
    for (size_t i = 0; unchanged && i < selection_.size(); ++i) unchanged = same(i);
    if (!unchanged) refresh();
}

void SparsifierPanel::set_selection(std::vector<size_t> tensors) {
    selection_ = std::move(tensors);
    refresh();
}

OptionEditor* SparsifierPanel::editor(const QString& option) const {
    return form_->editor(option);
}

void SparsifierPanel::refresh() {
    const bool some = snapshot_ && snapshot_->model && !selection_.empty();
    body_->setVisible(some);
    nothing_->setVisible(!some);
    nothing_->setText(snapshot_ && snapshot_->model ? tr("Select layers on the left to choose how they are pruned.")
                                                    : tr("Open a model to choose how its layers are pruned."));
    drawn_.clear();
    if (!some) return build_form(nullptr);
    for (size_t tensor : selection_) drawn_.push_back(snapshot_->tensors[tensor]);
    const Sparsifier* rule = drawn_[0]->sparsifier;
    const bool mixed = std::any_of(drawn_.begin(), drawn_.end(), [&](auto& one) { return one->sparsifier != rule; });
    show_title();
    show_rule(mixed ? nullptr : rule, mixed);
    show_unit(mixed ? nullptr : rule);
    build_form(mixed ? nullptr : rule);
    show_values();
    show_frozen();
    show_problems();
    show_remarks();
}

QString SparsifierPanel::tensor_name(size_t tensor) const {
    return to_qstring(snapshot_->model->checkpoint().tensors()[tensor].name);
}

void SparsifierPanel::show_title() {
    const auto& tensors = snapshot_->model->checkpoint().tensors();
    if (selection_.size() == 1) {
        const TensorInfo& one = tensors[selection_[0]];
        QString name = tensor_name(selection_[0]);
        title_->setText(name.replace('.', QStringLiteral(".\u200b")));  // a long name may break after a dot
        subtitle_->setText(
            QStringLiteral("%1 · %2 · %3")
                .arg(shape_text(one.shape), to_qstring(dtype_name(one.dtype)), counted(one.elements(), "weight")));
        return;
    }
    int64_t weights = 0;
    for (size_t tensor : selection_) weights += tensors[tensor].elements();
    title_->setText(counted(int64_t(selection_.size()), "tensor"));
    subtitle_->setText(counted(weights, "weight"));
}

void SparsifierPanel::show_rule(const Sparsifier* rule, bool mixed) {
    if (!rule_->view()->isVisible())
        rule_->setCurrentIndex(mixed ? -1 : rule ? rule_->findData(to_qstring(rule->name())) : 0);
    rule_help_->setText(mixed  ? tr("The selected tensors have different sparsifiers. Choosing one sets it for all.")
                        : rule ? to_qstring(rule->help())
                               : tr("Choose a sparsifier to prune what is selected."));
    rule_help_->setToolTip(rule ? tr("After %1").arg(to_qstring(rule->source())) : QString());
}

/// A rule that spans tensors prunes all that have equal options together: an option changed here alone parts them.
void SparsifierPanel::show_unit(const Sparsifier* rule) {
    const auto unit =
        rule && rule->spans_tensors() ? unit_of(snapshot_->tensors, selection_[0]) : std::vector<size_t>();
    const auto shared = [&](size_t tensor) { return std::find(unit.begin(), unit.end(), tensor) != unit.end(); };
    unit_->setVisible(!unit.empty());
    if (unit.empty()) return;
    if (!std::all_of(selection_.begin(), selection_.end(), shared))
        unit_->setText(tr("The selected tensors have different options, so they are not pruned together."));
    else if (unit.size() > selection_.size())
        unit_->setText(
            tr("The level is shared by all %1 with these options. A change made here takes the selection out "
               "of them.")
                .arg(counted(int64_t(unit.size()), "tensor")));
    else
        unit_->setText(unit.size() == 1 ? tr("No other tensor has these options, so this one is pruned alone.")
                                        : tr("The level is shared by all %1 selected, and by no others.")
                                              .arg(counted(int64_t(unit.size()), "tensor")));
}

void SparsifierPanel::build_form(const Sparsifier* rule) {
    form_rule_ = rule;
    form_->set_specs(rule ? rule->options() : std::span<const OptionSpec>());
}

void SparsifierPanel::show_values() {
    if (!form_rule_) return;
    const SelectionValues values(*form_rule_, drawn_);
    form_->show_states([&](const std::string& option) { return values.of(option); });
}

void SparsifierPanel::show_frozen() {
    const auto count = std::count_if(drawn_.begin(), drawn_.end(), [](auto& one) { return one->frozen; });
    const QSignalBlocker quiet(frozen_);
    frozen_->setTristate(count != 0 && size_t(count) != drawn_.size());
    frozen_->setCheckState(count == 0                       ? Qt::Unchecked
                           : size_t(count) == drawn_.size() ? Qt::Checked
                                                            : Qt::PartiallyChecked);
}

/// One line for each different problem, with the first tensor that has it.
void SparsifierPanel::show_problems() {
    QStringList lines;
    std::vector<std::pair<std::string, size_t>> found;
    for (size_t i = 0; i < drawn_.size() && found.size() < 3; ++i) {
        const std::string& problem = drawn_[i]->problem;
        if (problem.empty()) continue;
        if (std::none_of(found.begin(), found.end(), [&](auto& one) { return one.first == problem; }))
            found.emplace_back(problem, selection_[i]);
    }
    for (const auto& [problem, tensor] : found) {
        const QString text = to_qstring(problem);
        const QString name = tensor_name(tensor);
        lines << (selection_.size() == 1 || text.contains(name) ? text : name + QStringLiteral(": ") + text);
    }
    problem_->setText(lines.join('\n'));
    problem_->setVisible(!lines.isEmpty());
}

/// The first thing to know, with how many tensors more have such a thing.
void SparsifierPanel::show_remarks() {
    QString first;
    int64_t others = 0;
    const Options* last_options = nullptr;  // most neighbours have equal options and shapes
    const Shape* last_shape = nullptr;
    std::string remark;
    for (size_t i = 0; form_rule_ && i < drawn_.size(); ++i) {
        if (!drawn_[i]->problem.empty()) continue;
        const Options& options = drawn_[i]->options;
        const Shape& shape = snapshot_->model->checkpoint().tensors()[selection_[i]].shape;
        const bool same = last_options && *last_options == options && *last_shape == shape;
        if (!same) remark = remark_of(*drawn_[i], shape);
        last_options = &options;
        last_shape = &shape;
        if (remark.empty()) continue;
        if (first.isEmpty())
            first = tensor_name(selection_[i]) + QStringLiteral(": ") + to_qstring(remark);
        else
            ++others;
    }
    if (others > 0) first += tr(" (and %1 more)").arg(counted(others, "tensor"));
    remark_->setText(first);
    remark_->setVisible(!first.isEmpty());
}

}  // namespace lacuna::ui
