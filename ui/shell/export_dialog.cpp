#include "ui/shell/export_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/shell/export_formats.h"
#include "ui/shell/output_path.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int dialog_width = 560;

}  // namespace

ExportDialog::ExportDialog(SnapshotPtr snapshot, QWidget* parent)
    : QDialog(parent),
      snapshot_(std::move(snapshot)),
      path_(new QLineEdit(this)),
      format_(new QComboBox(this)),
      masks_(new QCheckBox(tr("Also write the masks"), this)),
      masks_note_(new QLabel(this)),
      problem_(new QLabel(this)) {
    setWindowTitle(tr("Export pruned model"));
    setMinimumWidth(dialog_width);
    const Checkpoint& source = snapshot_->model->checkpoint();
    for (Format format : export_formats(source)) format_->addItem(format_title(format), int(format));
    path_->setText(beside_source(source, QStringLiteral("-pruned.") + format_suffix(request().format, source)));
    path_->setAccessibleName(tr("File to write"));
    format_->setAccessibleName(tr("Format"));
    problem_->setProperty("role", "problem");
    problem_->setWordWrap(true);
    masks_note_->setProperty("role", "hint");

    auto* about = new QLabel(summary(), this);
    about->setWordWrap(true);
    about->setProperty("role", "card");
    auto* browse_button = new QPushButton(tr("Browse…"), this);
    auto* path_row = new QHBoxLayout;
    path_row->addWidget(path_, 1);
    path_row->addWidget(browse_button);
    auto* masks_rows = new QVBoxLayout;
    masks_rows->setSpacing(2);
    masks_rows->addWidget(masks_);
    masks_rows->addWidget(masks_note_);
    auto* form = new QFormLayout;
    form->setHorizontalSpacing(Theme::margin);
    form->setVerticalSpacing(Theme::wide);
    auto* path_label = new QLabel(tr("&File"), this);
    path_label->setBuddy(path_);
    form->addRow(path_label, path_row);
    form->addRow(tr("F&ormat"), format_);
    form->addRow(QString(), masks_rows);

    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel, this);
    export_ = new QPushButton(tr("Export"), this);
    export_->setProperty("role", "primary");
    buttons->addButton(export_, QDialogButtonBox::AcceptRole);
    export_->setDefault(true);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(Theme::section, Theme::section, Theme::section, Theme::margin);
    column->setSpacing(Theme::margin);
    column->addWidget(about);
    column->addLayout(form);
    column->addWidget(problem_);
    column->addStretch(1);
    column->addWidget(buttons);

    connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(browse_button, &QPushButton::clicked, this, &ExportDialog::browse);
    connect(path_, &QLineEdit::textChanged, this, &ExportDialog::check);
    connect(masks_, &QCheckBox::toggled, this, &ExportDialog::check);
    connect(format_, &QComboBox::currentIndexChanged, this, &ExportDialog::format_changed);
    setTabOrder(path_, browse_button);
    setTabOrder(browse_button, format_);
    setTabOrder(format_, masks_);
    check();
}

ExportDialog::Request ExportDialog::request() const {
    Request request;
    request.path = path_->text().trimmed().toStdString();
    request.format = Format(format_->currentData().toInt());
    if (masks_->isChecked()) request.masks = masks_path().toStdString();
    return request;
}

QString ExportDialog::summary() const {
    const auto& tensors = snapshot_->tensors;
    const auto pruned = std::count_if(tensors.begin(), tensors.end(), [](auto& one) { return one->shown != nullptr; });
    const double all = double(std::max<int64_t>(snapshot_->parameters, 1));
    const int64_t zeros = snapshot_->all_zeros.shown;
    QString text = tr("<b>%1 pruned</b>, %2 left as they are.<br>%3 of %4 parameters will be zero: %5.")
                       .arg(counted(pruned, "tensor"), grouped(int64_t(tensors.size()) - pruned), grouped(zeros),
                            grouped(snapshot_->parameters), percent_text(double(zeros) / all));
    if (snapshot_->pending) text += tr("<br>The preview is stepped first; undo takes that back.");
    return text;
}

QString ExportDialog::masks_path() const {
    const QFileInfo target(path_->text().trimmed());
    return target.path() + '/' + target.completeBaseName() + QStringLiteral(".masks.safetensors");
}

void ExportDialog::browse() {
    const QString path = QFileDialog::getSaveFileName(this, tr("Export pruned model"), path_->text());
    if (!path.isEmpty()) path_->setText(path);
}

/// Changes the ending with the format, but only one that some format gave.
void ExportDialog::format_changed() {
    const Checkpoint& source = snapshot_->model->checkpoint();
    const QString wanted = format_suffix(request().format, source);
    QString path = path_->text();
    for (Format format : export_formats(source)) {
        const QString ending = '.' + format_suffix(format, source);
        if (!path.endsWith(ending)) continue;
        path.chop(ending.size());
        path_->setText(path + '.' + wanted);
        break;
    }
    check();
}

void ExportDialog::check() {
    const QString text = output_problem(path_->text().trimmed(), snapshot_->model->checkpoint());
    problem_->setText(text);
    problem_->setVisible(!text.isEmpty());
    export_->setEnabled(text.isEmpty());
    masks_note_->setText(masks_->isChecked() ? tr("To %1").arg(QFileInfo(masks_path()).fileName())
                                             : tr("A file of zeros and ones for each pruned tensor"));
    export_->setText(QFileInfo::exists(path_->text().trimmed()) ? tr("Replace") : tr("Export"));
}

}  // namespace lacuna::ui
