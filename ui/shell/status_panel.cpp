#include "ui/shell/status_panel.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QToolButton>
#include <cmath>

#include "ui/shell/elided_label.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int bar_width = 100;

/// In percentage points, with a sign that is as wide as a digit.
QString difference_text(double points) {
    const double rounded = std::round(points * 10) / 10;
    if (rounded == 0) return QStringLiteral("±0.0");
    return (rounded < 0 ? QStringLiteral("−") : QStringLiteral("+")) + QString::number(std::abs(rounded), 'f', 1);
}

QString measuring_text(const ProgressState& progress) {
    if (progress.total == 0) return StatusPanel::tr("measuring…");
    return StatusPanel::tr("measuring… %1").arg(percent_text(double(progress.done) / double(progress.total)));
}

}  // namespace

QString accuracy_text(const Snapshot& snapshot) {
    if (!snapshot.data) return {};
    if (!snapshot.accuracy) return snapshot.evaluating ? measuring_text(snapshot.evaluation_progress) : QString();
    const QString now = percent_text(snapshot.accuracy->accuracy);
    if (!snapshot.dense) return now;
    const double change = (snapshot.accuracy->accuracy - snapshot.dense->accuracy) * 100;
    return StatusPanel::tr("%1 (dense %2, %3)")
        .arg(now, percent_text(snapshot.dense->accuracy), difference_text(change));
}

StatusPanel::StatusPanel(QWidget* parent)
    : QWidget(parent),
      open_data_(new QToolButton(this)),
      job_(new QWidget(this)),
      job_title_(new ElidedLabel(job_)),
      job_progress_(new ElidedLabel(job_)),
      bar_(new QProgressBar(job_)),
      cancel_(new QToolButton(job_)) {
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(Theme::wide, 2, Theme::wide, 2);
    row->setSpacing(Theme::section);
    sparsity_ = add_figure(tr("Sparsity"), "sparsity");
    kept_ = add_figure(tr("Kept"), "kept");
    accuracy_ = add_figure(tr("Accuracy"), "accuracy");
    accuracy_->parentWidget()->layout()->addWidget(open_data_);
    steps_ = add_figure(tr("Steps"), "steps");
    row->addStretch(1);
    row->addWidget(job_, 1000);
    job_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);  // it gives way: figures come first
    open_data_->setText(tr("Open data…"));
    open_data_->setToolTip(tr("Labelled samples to measure accuracy on"));
    open_data_->setProperty("role", "link");

    auto* job = new QHBoxLayout(job_);
    job->setContentsMargins(0, 0, 0, 0);
    job->setSpacing(Theme::space);
    job->addStretch(1);
    job->addWidget(job_title_);
    job->addWidget(job_progress_);
    job->addWidget(bar_);
    job->addWidget(cancel_);
    job_progress_->setProperty("role", "hint");
    bar_->setFixedSize(bar_width, 6);
    bar_->setTextVisible(false);
    bar_->setAccessibleName(tr("Progress"));
    cancel_->setText(tr("Cancel"));
    cancel_->setAccessibleName(tr("Cancel the running job"));
    cancel_->setProperty("role", "link");
    job_->hide();
    connect(cancel_, &QToolButton::clicked, this, &StatusPanel::cancel_wanted);
    connect(open_data_, &QToolButton::clicked, this, &StatusPanel::data_wanted);
}

QLabel* StatusPanel::add_figure(const QString& caption, const char* name) {
    auto* pair = new QWidget(this);
    auto* row = new QHBoxLayout(pair);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(6);
    auto* label = new QLabel(caption, pair);
    label->setProperty("role", "hint");
    auto* value = new ElidedLabel(pair);
    value->setObjectName(QLatin1String(name));
    value->setProperty("role", "figure");
    value->setAccessibleName(caption);
    row->addWidget(label);
    row->addWidget(value);
    layout()->addWidget(pair);
    return value;
}

void StatusPanel::set_snapshot(const SnapshotPtr& snapshot) {
    const bool open = snapshot->model != nullptr;
    for (QLabel* figure : {sparsity_, kept_, steps_}) figure->parentWidget()->setVisible(open);
    if (open) show_figures(*snapshot);
    show_accuracy(*snapshot);
    show_job(*snapshot);
}

void StatusPanel::show_figures(const Snapshot& snapshot) {
    const double all = double(std::max<int64_t>(snapshot.parameters, 1));
    const TensorZeros& zeros = snapshot.all_zeros;
    const bool waiting = zeros.coming && snapshot.pruned == 0;
    sparsity_->setText(waiting ? QStringLiteral("…") : percent_text(double(zeros.shown) / all));
    const QString own = zeros.coming ? tr("zeros in the file are being counted")
                                     : tr("%1 of them lie in the file").arg(grouped(zeros.own));
    sparsity_->parentWidget()->setToolTip(
        tr("%1 of %2 parameters are zero in what an export would write: %3, %4 are pruned. "
           "A recipe's \"*\" takes tensors of %5 parameters")
            .arg(grouped(zeros.shown), grouped(snapshot.parameters), own, grouped(snapshot.pruned),
                 grouped(snapshot.prunable)));
    kept_->setText(waiting
                       ? grouped(snapshot.parameters)
                       : tr("%1 of %2").arg(grouped(snapshot.parameters - zeros.shown), grouped(snapshot.parameters)));
    kept_->parentWidget()->setToolTip(tr("Parameters that are not zero"));
    const QString taken = snapshot.schedule
                              ? tr("%1 of %2").arg(grouped(snapshot.steps), grouped(snapshot.schedule->steps))
                              : grouped(snapshot.steps);
    steps_->setText(snapshot.pending ? tr("%1 · preview not stepped").arg(taken) : taken);
    steps_->parentWidget()->setToolTip(snapshot.pending ? tr("What is shown is what the next step would give")
                                                        : tr("What is shown is what the steps gave"));
}

void StatusPanel::show_accuracy(const Snapshot& snapshot) {
    const bool wants_data = snapshot.model && !snapshot.data && snapshot.model->checkpoint().runnable();
    const QString text = accuracy_text(snapshot), problem = to_qstring(snapshot.evaluation_problem);
    accuracy_->parentWidget()->setVisible(snapshot.model && (wants_data || !text.isEmpty() || !problem.isEmpty()));
    open_data_->setVisible(wants_data);
    accuracy_->setVisible(!wants_data);
    accuracy_->setText(text.isEmpty() ? tr("not known: %1").arg(problem) : text);
    accuracy_->setEnabled(!snapshot.evaluating || !snapshot.accuracy);
    QString tip = problem;
    if (!snapshot.evaluation_hint.empty()) tip += '\n' + to_qstring(snapshot.evaluation_hint);
    if (snapshot.accuracy)
        tip = tr("%1 of %2 samples right, loss %3")
                  .arg(grouped(snapshot.accuracy->correct), grouped(snapshot.accuracy->samples))
                  .arg(snapshot.accuracy->loss, 0, 'f', 4);
    accuracy_->parentWidget()->setToolTip(tip);
}

void StatusPanel::show_job(const Snapshot& snapshot) {
    job_->setVisible(snapshot.job.has_value());
    if (!snapshot.job) return;
    const JobState& job = *snapshot.job;
    job_title_->setText(to_qstring(job.title));
    job_progress_->setText(progress_text(job.progress));
    job_->setToolTip(job_title_->text() + '\n' + job_progress_->text());
    // Progress bars count in int: thousandths serve for any number of bytes.
    bar_->setRange(0, job.progress.total > 0 ? 1000 : 0);
    if (job.progress.total > 0) bar_->setValue(int(double(job.progress.done) / double(job.progress.total) * 1000));
}

}  // namespace lacuna::ui
