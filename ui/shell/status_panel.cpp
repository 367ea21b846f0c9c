#include "ui/shell/status_panel.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QToolButton>
#include <cmath>

#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int bar_width = 140;

/// In percentage points, with a sign that is as wide as a digit.
QString difference_text(double points) {
    const double rounded = std::round(points * 10) / 10;
    if (rounded == 0) return QStringLiteral("±0.0");
    return (rounded < 0 ? QStringLiteral("−") : QStringLiteral("+")) + QString::number(std::abs(rounded), 'f', 1);
}

}  // namespace

QString accuracy_text(const Snapshot& snapshot) {
    if (!snapshot.data) return {};
    if (!snapshot.accuracy) return snapshot.evaluating ? StatusPanel::tr("measuring…") : QString();
    const QString now = percent_text(snapshot.accuracy->accuracy);
    if (!snapshot.dense) return now;
    const double change = (snapshot.accuracy->accuracy - snapshot.dense->accuracy) * 100;
    return StatusPanel::tr("%1 (dense %2, %3)")
        .arg(now, percent_text(snapshot.dense->accuracy), difference_text(change));
}

StatusPanel::StatusPanel(QWidget* parent)
    : QWidget(parent),
      job_(new QWidget(this)),
      job_text_(new QLabel(job_)),
      bar_(new QProgressBar(job_)),
      cancel_(new QToolButton(job_)) {
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(Theme::wide, 2, Theme::wide, 2);
    row->setSpacing(Theme::section);
    sparsity_ = add_figure(tr("Sparsity"), "sparsity");
    kept_ = add_figure(tr("Kept"), "kept");
    accuracy_ = add_figure(tr("Accuracy"), "accuracy");
    steps_ = add_figure(tr("Steps"), "steps");
    row->addStretch(1);
    row->addWidget(job_);

    auto* job = new QHBoxLayout(job_);
    job->setContentsMargins(0, 0, 0, 0);
    job->setSpacing(Theme::space);
    job->addWidget(job_text_);
    job->addWidget(bar_);
    job->addWidget(cancel_);
    job_text_->setProperty("role", "hint");
    bar_->setFixedSize(bar_width, 6);
    bar_->setTextVisible(false);
    bar_->setAccessibleName(tr("Progress"));
    cancel_->setText(tr("Cancel"));
    cancel_->setAccessibleName(tr("Cancel the running job"));
    cancel_->setProperty("role", "link");
    job_->hide();
    connect(cancel_, &QToolButton::clicked, this, &StatusPanel::cancel_wanted);
}

QLabel* StatusPanel::add_figure(const QString& caption, const char* name) {
    auto* pair = new QWidget(this);
    auto* row = new QHBoxLayout(pair);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(6);
    auto* label = new QLabel(caption, pair);
    label->setProperty("role", "hint");
    auto* value = new QLabel(pair);
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
    const QString text = accuracy_text(snapshot);
    const QString problem = to_qstring(snapshot.evaluation_problem);
    accuracy_->parentWidget()->setVisible(snapshot.model && (!text.isEmpty() || !problem.isEmpty()));
    accuracy_->setText(text.isEmpty() ? tr("not known") : text);
    accuracy_->setEnabled(!snapshot.evaluating || !snapshot.accuracy);
    QString tip = problem;
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
    const QString progress = progress_text(job.progress);
    job_text_->setText(to_qstring(job.title) + (progress.isEmpty() ? QString() : QStringLiteral(" · ") + progress));
    // Progress bars count in int: thousandths serve for any number of bytes.
    bar_->setRange(0, job.progress.total > 0 ? 1000 : 0);
    if (job.progress.total > 0) bar_->setValue(int(double(job.progress.done) / double(job.progress.total) * 1000));
    cancel_->setVisible(job.cancellable);
}

}  // namespace lacuna::ui
