#include "ui/shell/empty_state.h"

#include <QDir>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/shell/icons.h"
#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int icon_size = 96;
constexpr int text_width = 420;
constexpr qsizetype most_recent = 5;

QLabel* centred(const QString& text, const char* role, QWidget* parent) {
    auto* label = new QLabel(text, parent);
    label->setAlignment(Qt::AlignCenter);
    label->setWordWrap(true);
    label->setProperty("role", role);
    label->setFixedWidth(text_width);
    return label;
}

}  // namespace

EmptyState::EmptyState(const QString& demo, QWidget* parent) : QWidget(parent), recent_(new QWidget(this)) {
    setObjectName(QStringLiteral("empty"));
    auto* picture = new QLabel(this);
    picture->setPixmap(app_icon().pixmap(icon_size));
    picture->setAlignment(Qt::AlignCenter);
    auto* open = new QPushButton(tr("Open model…"), this);
    open->setProperty("role", "primary");
    open->setToolTip(tr("safetensors, PyTorch .pt/.pth/.bin/.ckpt, TorchScript"));
    connect(open, &QPushButton::clicked, this, &EmptyState::open_wanted);

    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(Theme::space);
    buttons->addStretch(1);
    buttons->addWidget(open);
    if (!demo.isEmpty()) {
        auto* show_demo = new QPushButton(tr("Open the demo"), this);
        show_demo->setToolTip(tr("A small network trained on handwritten digits, with images to measure accuracy on"));
        connect(show_demo, &QPushButton::clicked, this, &EmptyState::demo_wanted);
        buttons->addWidget(show_demo);
    }
    buttons->addStretch(1);

    auto* column = new QVBoxLayout(this);
    column->addStretch(2);
    column->addWidget(picture);
    column->addSpacing(Theme::margin);
    column->addWidget(centred(tr("Open a network to prune"), "large", this), 0, Qt::AlignHCenter);
    column->addSpacing(Theme::tight);
    column->addWidget(
        centred(tr("Drop a model here, or open one. Then choose a sparsifier for its layers and watch the "
                   "masks while you change it. Data, recipes and sparsifier states can be dropped too."),
                "quiet", this),
        0, Qt::AlignHCenter);
    column->addSpacing(Theme::margin);
    column->addLayout(buttons);
    column->addSpacing(Theme::margin);
    column->addWidget(
        centred(tr("safetensors · sharded safetensors · PyTorch zip and legacy files · TorchScript"), "hint", this), 0,
        Qt::AlignHCenter);
    column->addSpacing(Theme::margin);
    column->addWidget(recent_, 0, Qt::AlignHCenter);
    column->addStretch(3);
    recent_->hide();
}

void EmptyState::set_recent(const QStringList& paths) {
    qDeleteAll(recent_->findChildren<QWidget*>(Qt::FindDirectChildrenOnly));
    delete recent_->layout();
    auto* column = new QVBoxLayout(recent_);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(Theme::tight);
    column->addWidget(centred(tr("Opened before"), "hint", recent_), 0, Qt::AlignHCenter);
    for (const QString& path : paths.mid(0, most_recent)) {
        auto* again = new QToolButton(recent_);
        again->setText(QFileInfo(path).fileName());
        again->setToolTip(QDir::toNativeSeparators(path));
        again->setProperty("role", "link");
        connect(again, &QToolButton::clicked, this, [this, path] { Q_EMIT recent_wanted(path); });
        column->addWidget(again, 0, Qt::AlignHCenter);
    }
    recent_->setVisible(!paths.isEmpty());
}

void EmptyState::paintEvent(QPaintEvent*) {
    QPainter(this).fillRect(rect(), Theme::current().surface);
}

}  // namespace lacuna::ui
