#include "ui/shell/notice_row.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QTimer>
#include <QToolButton>

#include "ui/shell/plain_label.h"
#include "ui/shell/text_format.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int information_ms = 20'000;

const char* kind_name(Notice::Kind kind) {
    switch (kind) {
        case Notice::Kind::error:
            return "error";
        case Notice::Kind::warning:
            return "warning";
        case Notice::Kind::information:
            break;
    }
    return "information";
}

QLabel* make_text(const std::string& text, const char* role, QWidget* parent) {
    QLabel* label = plain_label(parent, role, to_qstring(text));
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

}  // namespace

NoticeRow::NoticeRow(const Notice& notice, QWidget* parent) : QFrame(parent) {
    const bool quiet = notice.kind == Notice::Kind::information;
    setObjectName(QStringLiteral("notice"));
    setProperty("kind", kind_name(notice.kind));
    setAccessibleName(to_qstring(notice.text));
    setAccessibleDescription(to_qstring(notice.detail));

    auto* mark = new QLabel(quiet ? QStringLiteral("i") : QStringLiteral("!"), this);
    mark->setObjectName(QStringLiteral("mark"));
    mark->setAlignment(Qt::AlignCenter);
    mark->setFixedSize(18, 18);
    auto* texts = new QVBoxLayout;
    texts->setSpacing(2);
    texts->addWidget(make_text(notice.text, "notice", this));
    if (!notice.detail.empty()) texts->addWidget(make_text(notice.detail, "hint", this));
    auto* close = new QToolButton(this);
    close->setText(QStringLiteral("✕"));
    close->setProperty("role", "link");
    close->setToolTip(tr("Dismiss"));
    close->setAccessibleName(tr("Dismiss notice"));
    connect(close, &QToolButton::clicked, this, &QObject::deleteLater);

    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(Theme::wide, Theme::space, Theme::space, Theme::space);
    row->setSpacing(Theme::wide);
    row->addWidget(mark, 0, Qt::AlignTop);
    row->addLayout(texts, 1);
    row->addWidget(close, 0, Qt::AlignTop);
    if (quiet) QTimer::singleShot(information_ms, this, &QObject::deleteLater);
}

}  // namespace lacuna::ui
