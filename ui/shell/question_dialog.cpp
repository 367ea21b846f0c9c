#include "ui/shell/question_dialog.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/theme.h"

namespace lacuna::ui {
namespace {

constexpr int dialog_width = 460;

QLabel* make_line(const QString& text, const char* role, QWidget* parent) {
    auto* line = new QLabel(text, parent);
    line->setTextFormat(Qt::PlainText);
    line->setWordWrap(true);
    line->setProperty("role", role);
    return line;
}

}  // namespace

QuestionDialog::QuestionDialog(const QString& title, const QString& question, const QString& detail,
                               std::vector<Answer> answers, QWidget* parent)
    : QDialog(parent) {
    setAttribute(Qt::WA_DeleteOnClose);
    setWindowTitle(title);
    setMinimumWidth(dialog_width);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(Theme::section, Theme::section, Theme::section, Theme::margin);
    column->setSpacing(Theme::margin);
    column->addWidget(make_line(question, "field", this));
    if (!detail.isEmpty()) column->addWidget(make_line(detail, "card", this));
    auto* row = new QHBoxLayout;
    row->addStretch(1);
    for (Answer& answer : answers) {
        auto* button = new QPushButton(answer.text, this);
        button->setAutoDefault(false);
        connect(button, &QPushButton::clicked, this, [this, then = std::move(answer.then)] {
            accept();
            if (then) then();
        });
        row->addWidget(button);
        buttons_.push_back(button);
    }
    buttons_.front()->setProperty("role", "primary");
    buttons_.front()->setDefault(true);
    column->addLayout(row);
}

}  // namespace lacuna::ui
