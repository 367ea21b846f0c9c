#include "ui/shell/panel_scroll.h"

#include <QLabel>
#include <QScrollArea>

namespace lacuna::ui {

QScrollArea* panel_scroll(QWidget* inside, QWidget* parent) {
    auto* scroll = new QScrollArea(parent);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setFocusPolicy(Qt::NoFocus);
    scroll->setWidget(inside);
    return scroll;
}

QLabel* panel_text(QWidget* parent, const char* role) {
    auto* label = new QLabel(parent);
    label->setProperty("role", role);
    label->setWordWrap(true);
    return label;
}

}  // namespace lacuna::ui
