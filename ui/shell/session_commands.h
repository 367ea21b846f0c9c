#pragma once

#include <QObject>
#include <QPointer>
#include <functional>
#include <memory>

#include "engine/session/session.h"

class QWidget;

namespace lacuna::ui {

class QuestionDialog;

/// Saving the session, and asking before what is not saved is let go.
class SessionCommands : public QObject {
    Q_OBJECT
  public:
    SessionCommands(Session& session, QWidget* window);

    /// What is selected in the window goes into the file.
    void set_selection(std::function<std::vector<size_t>()> selection) { selection_ = std::move(selection); }

    bool is_saved() const;
    /// Does `then` at once where nothing is lost by it; else once the person has let it be saved or discarded.
    void when_safe(const QString& before, std::function<void()> then);

    /// `then` follows once it is saved. The first time a file is asked for.
    void save(std::function<void()> then = {});
    void save_as(std::function<void()> then = {});
    void save_to(const QString& path, std::function<void()> then = {});

    /// Asks where a session's model is, once for each that could not be opened for want of it.
    void show_missing(const Snapshot& snapshot);
    /// The same with the answer.
    void open_with(const MissingModel& missing, const QString& model);

    /// While one is open.
    QuestionDialog* question() const;

  private:
    void ask(QuestionDialog* question);

    Session& session_;
    QWidget* window_;
    std::function<std::vector<size_t>()> selection_;
    QPointer<QuestionDialog> question_;
    std::shared_ptr<const MissingModel> shown_missing_;
};

}  // namespace lacuna::ui
