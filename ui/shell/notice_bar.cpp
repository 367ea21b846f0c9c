#include "ui/shell/notice_bar.h"

#include <QVBoxLayout>
#include <algorithm>

#include "ui/shell/notice_row.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int most_rows = 3;

}  // namespace

NoticeBar::NoticeBar(QWidget* parent) : QWidget(parent), rows_(new QVBoxLayout(this)) {
    rows_->setContentsMargins(0, 0, 0, 0);
    rows_->setSpacing(1);
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Maximum);
    setAccessibleName(tr("Notices"));
}

void NoticeBar::set_snapshot(const SnapshotPtr& snapshot) {
    for (const Notice& notice : snapshot->notices) {
        if (notice.number <= seen_) continue;
        seen_ = notice.number;
        add(notice);
    }
}

void NoticeBar::add(const Notice& notice) {
    auto* row = new NoticeRow(notice, this);
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
