#include "ui/shell/conversion_report_dialog.h"

#include <QDialogButtonBox>
#include <QHeaderView>
#include <QLabel>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/shell/plain_label.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr QSize dialog_size{680, 480};

QString change(const QString& what, const QString& before, const QString& after, double share) {
    return QObject::tr("<b>%1</b> %2 → %3 (%4)").arg(what, before, after, percent_text(share));
}

QString summary(const ConversionReport& report) {
    QStringList lines;
    lines << change(QObject::tr("Parameters"), grouped(report.parameters_before), grouped(report.parameters_after),
                    double(report.parameters_after) / double(std::max<int64_t>(report.parameters_before, 1)));
    lines << change(QObject::tr("File"), bytes_text(double(report.bytes_before)),
                    bytes_text(double(report.bytes_after)),
                    double(report.bytes_after) / double(std::max<uint64_t>(report.bytes_before, 1)));
    if (report.largest_difference)
        lines << QObject::tr("<b>Outputs</b> differ by at most %1, where the largest is %2: compared on %3")
                     .arg(*report.largest_difference, 0, 'g', 3)
                     .arg(report.largest_output.value_or(0), 0, 'g', 3)
                     .arg(counted(report.samples_compared, "sample"));
    else
        lines << QObject::tr("<b>Outputs</b> were not compared: open data, or give an input shape");
    return lines.join(QStringLiteral("<br>"));
}

QTreeWidget* rows_table(const ConversionReport& report, QWidget* parent) {
    auto* table = new QTreeWidget(parent);
    table->setAccessibleName(QObject::tr("Tensors"));
    table->setRootIsDecorated(false);
    table->setHeaderLabels({QObject::tr("Tensor"), QObject::tr("Before"), QObject::tr("After"), QObject::tr("Change")});
    for (const ConversionRow& row : report.rows)
        new QTreeWidgetItem(table,
                            {to_qstring(row.name), shape_text(row.before),
                             row.after.empty() ? QObject::tr("gone") : shape_text(row.after), to_qstring(row.what)});
    for (int column = 0; column < 3; ++column) table->resizeColumnToContents(column);
    return table;
}

}  // namespace

ConversionReportDialog::ConversionReportDialog(const ConversionResult& result, QWidget* parent) : QDialog(parent) {
    const ConversionReport& report = result.report;
    setWindowTitle(
        tr("%1: %2").arg(to_qstring(conversion(result.conversion).title), to_qstring(result.out.filename().string())));
    resize(dialog_size);
    QLabel* about = plain_label(this, "card", summary(report));
    about->setTextInteractionFlags(Qt::TextSelectableByMouse);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(Theme::section, Theme::section, Theme::section, Theme::margin);
    column->setSpacing(Theme::margin);
    column->addWidget(about);
    if (!report.rows.empty()) column->addWidget(rows_table(report, this), 1);
    for (const std::string& note : report.notes) column->addWidget(plain_label(this, "hint", to_qstring(note)));
    if (report.rows.empty()) column->addStretch(1);
    column->addWidget(buttons);
}

}  // namespace lacuna::ui
