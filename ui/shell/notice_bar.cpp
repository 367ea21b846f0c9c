#include "ui/shell/notice_bar.h"

#include <QVBoxLayout>
#include <algorithm>

#include "ui/shell/notice_row.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int most_rows = 3;
constexpr const char* number_property = "notice";

}  // namespace

NoticeBar::NoticeBar(QWidget* parent) : QWidget(parent), rows_(new QVBoxLayout(this)) {
    rows_->setContentsMargins(0, 0, 0, 0);
    rows_->setSpacing(1);
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Maximum);
    setAccessibleName(tr("Notices"));
}

void NoticeBar::set_snapshot(const SnapshotPtr& snapshot) {
    const auto gone = [&](uint64_t number) {
        return number > 0 && std::none_of(snapshot->notices.begin(), snapshot->notices.end(),
                                          [&](const Notice& notice) { return notice.number == number; });
    };
    for (int i = rows_->count(); i-- > 0;)
        if (QWidget* row = rows_->itemAt(i)->widget(); gone(row->property(number_property).toULongLong())) delete row;
    for (const Notice& notice : snapshot->notices) {
        if (notice.number <= seen_) continue;
        seen_ = notice.number;
        add(notice);
    }
}

void NoticeBar::add(const Notice& notice) {
    auto* row = new NoticeRow(notice, this);
    row->setProperty(number_property, qulonglong(notice.number));
    rows_->insertWidget(0, row);
    while (rows_->count() > most_rows) delete rows_->itemAt(rows_->count() - 1)->widget();
}

void NoticeBar::dismiss_all() {
    while (rows_->count() > 0) delete rows_->itemAt(0)->widget();
}

int NoticeBar::count() const {
    return rows_->count();
}

}  // namespace lacuna::ui
