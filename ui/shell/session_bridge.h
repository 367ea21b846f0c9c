#pragma once

#include <QObject>
#include <atomic>
#include <functional>

#include "engine/session/session.h"

namespace lacuna::ui {

/// Owns the session and brings what it publishes to the window's thread: only the newest, never queued up.
class SessionBridge : public QObject {
    Q_OBJECT
  public:
    explicit SessionBridge(QObject* parent = nullptr);
    ~SessionBridge() override;

    Session& session() { return *session_; }
    /// Calls `done` on this object's thread once the session is idle and its last snapshot was delivered.
    void when_idle(std::function<void()> done);

  Q_SIGNALS:
    void snapshot_changed(const lacuna::SnapshotPtr& snapshot);
    void detail_changed(const lacuna::TensorDetailPtr& detail);

  private:
    void post();     // any thread
    void deliver();  // this object's thread

    std::atomic<bool> posted_{false};
    SnapshotPtr snapshot_;
    TensorDetailPtr detail_;
    std::unique_ptr<Session> session_;
};

}  // namespace lacuna::ui
