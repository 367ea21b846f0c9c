#include "ui/shell/export_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QDir>
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
#include "ui/shell/plain_label.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int dialog_width = 560;

}  // namespace

ExportDialog::ExportDialog(SnapshotPtr snapshot, QWidget* parent)
    : QDialog(parent),
      snapshot_(std::move(snapshot)),
      path_label_(new QLabel(this)),
      path_(new QLineEdit(this)),
      format_(new QComboBox(this)),
      masks_(new QCheckBox(tr("Also write the masks"), this)),
      masks_note_(new QLabel(this)),
      problem_(plain_label(this, "problem")) {
    setWindowTitle(tr("Export pruned model"));
    setMinimumWidth(dialog_width);
    const Checkpoint& source = snapshot_->model->checkpoint();
    for (Format format : export_formats(source)) format_->addItem(format_title(format), int(format));
    suggested_ = suggestion();
    path_->setText(suggested_);
    path_->setAccessibleName(tr("File to write"));
    format_->setAccessibleName(tr("Format"));
    masks_note_->setTextFormat(Qt::PlainText);
    masks_note_->setProperty("role", "hint");

    QLabel* about = plain_label(this, "card", summary());
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
    path_label_->setBuddy(path_);
    form->addRow(path_label_, path_row);
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
    request.format = Format(format_->currentData().toInt());
    request.path = path_->text().trimmed().toStdString();
    if (in_shards()) request.path /= "";  // a folder, which need not exist yet
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

/// Shards keep their names, so a copy is a folder; a name that ends in .json or .safetensors is a file all the same.
bool ExportDialog::in_shards() const {
    const QString path = path_->text().trimmed();
    return Format(format_->currentData().toInt()) == Format::safetensors_sharded &&
           !path.endsWith(QStringLiteral(".json")) && !path.endsWith(QStringLiteral(".safetensors"));
}

QString ExportDialog::suggestion() const {
    const Checkpoint& source = snapshot_->model->checkpoint();
    const auto format = Format(format_->currentData().toInt());
    if (format == Format::safetensors_sharded) return beside_source(source, QStringLiteral("-pruned/"));
    return beside_source(source, QStringLiteral("-pruned.") + format_suffix(format, source));
}

QString ExportDialog::masks_path() const {
    const QFileInfo target(QDir::cleanPath(path_->text().trimmed()));
    const QString stem = in_shards() ? target.fileName() : target.completeBaseName();
    return target.path() + '/' + stem + QStringLiteral(".masks.safetensors");
}

void ExportDialog::browse() {
    const QString path = in_shards() ? QFileDialog::getExistingDirectory(this, windowTitle(), path_->text())
                                     : QFileDialog::getSaveFileName(this, windowTitle(), path_->text());
    if (!path.isEmpty()) path_->setText(path);
}

/// The path follows the format: as suggested, or its ending, if that is one that some format gave.
void ExportDialog::format_changed() {
    const Checkpoint& source = snapshot_->model->checkpoint();
    const bool as_suggested = path_->text() == suggested_;
    suggested_ = suggestion();
    if (as_suggested) return path_->setText(suggested_);
    QString path = path_->text();
    for (Format format : export_formats(source)) {
        const QString ending = '.' + format_suffix(format, source);
        if (!path.endsWith(ending)) continue;
        path.chop(ending.size());
        path_->setText(path + '.' + format_suffix(request().format, source));
        break;
    }
    check();
}

/// Why it cannot be exported so, in words; empty if nothing is known against it.
QString ExportDialog::problem() const {
    const Checkpoint& source = snapshot_->model->checkpoint();
    const QString path = path_->text().trimmed();
    QString text = in_shards() ? folder_problem(path, source) : output_problem(path, source);
    if (text.isEmpty() && path.endsWith(QStringLiteral(".json"))) text = folder_problem(QFileInfo(path).path(), source);
    if (text.isEmpty() && masks_->isChecked()) text = output_problem(masks_path(), source);
    return text;
}

void ExportDialog::check() {
    const QString text = problem(), path = path_->text().trimmed();
    problem_->setText(text);
    problem_->setVisible(!text.isEmpty());
    export_->setEnabled(text.isEmpty());
    masks_note_->setText(masks_->isChecked() ? tr("To %1").arg(QFileInfo(masks_path()).fileName())
                                             : tr("A file of zeros and ones for each pruned tensor"));
    const QString index = to_qstring(snapshot_->model->checkpoint().path().filename().string());
    const bool there = QFileInfo::exists(in_shards() ? QDir(path).filePath(index) : path);
    export_->setText(there ? tr("Replace") : tr("Export"));
    path_label_->setText(in_shards() ? tr("&Folder") : tr("&File"));
}

}  // namespace lacuna::ui
