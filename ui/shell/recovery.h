#pragma once

#include <QLockFile>
#include <QObject>
#include <QTimer>
#include <memory>

#include "engine/session/session.h"

namespace lacuna::ui {

class MainWindow;

/// Keeps a copy of what is not saved while the window is open, one file a window, and offers those of windows that
/// ended without being closed.
class Recovery : public QObject {
    Q_OBJECT
  public:
    /// A child of the window's, so that it goes after the session. `seconds` is how long a change may wait for its
    /// copy; 0 keeps none.
    Recovery(MainWindow* window, int seconds, const QString& folder = default_folder());
    ~Recovery() override;

    static QString default_folder();
    /// Asks about the newest copy that no window owns, if there is one.
    void offer();

  private:
    struct Copy {
        QString path;
        std::unique_ptr<QLockFile> lock;
    };
    static std::unique_ptr<QLockFile> locked(const QString& path);
    Copy newest_left() const;
    void sweep() const;
    void ask(Copy left);
    void restore(Copy left);
    void follow(const SnapshotPtr& snapshot);
    void keep();

    MainWindow* window_;
    const QString folder_;
    const int seconds_;
    Copy own_;
    Copy offered_;  ///< to be restored; becomes the window's own once it is open
    QTimer timer_;
    uint64_t kept_edits_ = 0;  ///< as of the copy; 0: there is none
    bool leaving_ = false;
};

}  // namespace lacuna::ui
