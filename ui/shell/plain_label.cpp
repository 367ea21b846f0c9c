#include "ui/shell/plain_label.h"

#include <QTextDocument>

namespace lacuna::ui {

QLabel* plain_label(QWidget* parent, const char* role, const QString& text) {
    auto* label = new QLabel(text, parent);
    label->setTextFormat(Qt::PlainText);
    label->setProperty("role", role);
    label->setWordWrap(true);
    return label;
}

QString plain_tooltip(const QString& text) {
    return Qt::mightBeRichText(text) ? QStringLiteral("<span>%1</span>").arg(text.toHtmlEscaped()) : text;
}

}  // namespace lacuna::ui
