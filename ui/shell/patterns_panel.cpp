#include "ui/shell/patterns_panel.h"

#include <QGridLayout>
#include <QLabel>
#include <QScrollArea>
#include <QVBoxLayout>

#include "ui/shell/panel_scroll.h"
#include "ui/shell/plain_label.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr size_t rows_above_n_m = 3;

}  // namespace

PatternsPanel::PatternsPanel(QWidget* parent)
    : QWidget(parent), nothing_(plain_label(this, "hint")), body_(new QWidget(this)), table_(new QWidget(body_)) {
    setObjectName(QStringLiteral("patterns"));
    title_ = plain_label(body_, "title");
    subtitle_ = plain_label(body_, "hint");
    nothing_->setAlignment(Qt::AlignCenter);
    nothing_->setText(tr("Select a layer on the left to see which patterns its zeros make."));

    auto* grid = new QGridLayout(table_);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(Theme::wide);
    grid->setVerticalSpacing(Theme::space);
    grid->setColumnStretch(0, 1);
    const QString tile = QStringLiteral("%1×%2").arg(default_tile.rows).arg(default_tile.columns);
    add_row(grid, tr("Zero rows"), tr("Outputs that nothing is left of: \"Convert\" can take them out"));
    add_row(grid, tr("Zero columns"), tr("Inputs that nothing looks at any more"));
    add_row(grid, tr("Zero %1 tiles").arg(tile), tr("What a block-sparse runtime leaves out"));
    for (const NmCount& n_m : Patterns{}.n_m)
        add_row(grid, tr("%1:%2 groups").arg(n_m.n).arg(n_m.m),
                tr("Groups of %2 neighbours that hold at most %1 weights; a runtime for %1:%2 needs all of them")
                    .arg(n_m.n)
                    .arg(n_m.m));

    auto* column = new QVBoxLayout(body_);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(Theme::tight);
    column->addWidget(title_);
    column->addWidget(subtitle_);
    column->addSpacing(Theme::wide);
    column->addWidget(table_);

    auto* inside = new QWidget(this);
    auto* outer = new QVBoxLayout(inside);
    outer->setContentsMargins(Theme::wide, Theme::wide, Theme::wide, Theme::wide);
    outer->addWidget(body_);
    outer->addWidget(nothing_);
    outer->addStretch(1);
    auto* whole = new QVBoxLayout(this);
    whole->setContentsMargins(0, 0, 0, 0);
    whole->addWidget(panel_scroll(inside, this));
    body_->hide();
}

void PatternsPanel::add_row(QGridLayout* grid, const QString& name, const QString& tip) {
    const int at = int(rows_.size());
    Row row{new QLabel(name, table_), new QLabel(table_), new QLabel(table_)};
    row.count->setProperty("role", "hint");
    row.share->setAccessibleName(name);
    for (QLabel* label : {row.name, row.count, row.share}) label->setToolTip(tip);
    grid->addWidget(row.name, at, 0);
    grid->addWidget(row.count, at, 1, Qt::AlignRight);
    grid->addWidget(row.share, at, 2, Qt::AlignRight);
    rows_.push_back(row);
}

void PatternsPanel::set_snapshot(const SnapshotPtr& snapshot) {
    const bool current = snapshot->patterns && snapshot->patterns->model == snapshot->model;
    const TensorPatternsPtr next = current ? snapshot->patterns : nullptr;
    if (next == shown_) return;
    shown_ = next;
    body_->setVisible(shown_ != nullptr);
    nothing_->setVisible(!shown_);
    if (!shown_) return;
    const TensorInfo& info = shown_->model->checkpoint().tensors()[shown_->tensor];
    title_->setText(to_qstring(info.name));
    const bool matrix = shown_->patterns.has_value();
    subtitle_->setText(matrix ? tr("Zeros as an export would write them, in the file and pruned")
                              : tr("A tensor of %1 has no rows and columns").arg(shape_text(info.shape)));
    table_->setVisible(matrix);
    if (matrix) show(*shown_->patterns, info.elements() == 0);
}

void PatternsPanel::show(const Patterns& patterns, bool empty) {
    const auto fill = [&](size_t row, int64_t part, int64_t all) {
        const bool none = empty || all == 0;
        rows_[row].count->setText(none ? QString() : tr("%1 of %2").arg(grouped(part), grouped(all)));
        rows_[row].share->setText(none ? QStringLiteral("–") : percent_text(double(part) / double(all)));
    };
    fill(0, patterns.zero_rows, patterns.rows);
    fill(1, patterns.zero_columns, patterns.columns);
    fill(2, patterns.zero_tiles, patterns.tiles);
    for (size_t i = 0; i < patterns.n_m.size(); ++i)
        fill(rows_above_n_m + i, patterns.n_m[i].held, patterns.n_m[i].groups);
}

}  // namespace lacuna::ui
