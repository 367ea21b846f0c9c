#pragma once

#include <QDialog>
#include <functional>
#include <vector>

class QPushButton;

namespace lacuna::ui {

/// A question with a few answers, beside which the program goes on. The first answer is Enter's, Escape takes none.
class QuestionDialog : public QDialog {
    Q_OBJECT
  public:
    struct Answer {
        QString text;
        std::function<void()> then;  ///< empty: nothing happens
    };
    QuestionDialog(const QString& title, const QString& question, const QString& detail, std::vector<Answer> answers,
                   QWidget* parent);

    /// In the answers' order.
    const std::vector<QPushButton*>& buttons() const { return buttons_; }

  private:
    std::vector<QPushButton*> buttons_;
};

}  // namespace lacuna::ui
