#include "ui/shell/session_bridge.h"

#include <QThread>

namespace lacuna::ui {

SessionBridge::SessionBridge(QObject* parent)
    : QObject(parent), session_(std::make_unique<Session>([this] { post(); })) {
    post();
}

// The session goes first: its last call of post() must still find this object. Who waits for it leaves before.
SessionBridge::~SessionBridge() {
    session_->cancel_job();
    for (QThread* waiter : findChildren<QThread*>()) waiter->wait();
    session_.reset();
}

void SessionBridge::post() {
    if (!posted_.exchange(true)) QMetaObject::invokeMethod(this, &SessionBridge::deliver, Qt::QueuedConnection);
}

void SessionBridge::deliver() {
    posted_ = false;
    const SnapshotPtr snapshot = session_->snapshot();
    const TensorDetailPtr detail = session_->detail();
    if (snapshot != snapshot_) {
        snapshot_ = snapshot;
        Q_EMIT snapshot_changed(snapshot_);
    }
    if (detail != detail_) {
        detail_ = detail;
        Q_EMIT detail_changed(detail_);
    }
}

void SessionBridge::when_idle(std::function<void()> done) {
    QThread* waiter = QThread::create([this] { session_->wait_idle(); });
    waiter->setParent(this);
    connect(waiter, &QThread::finished, this, [this, waiter, done = std::move(done)] {
        waiter->deleteLater();
        deliver();
        done();
    });
    waiter->start();
}

}  // namespace lacuna::ui
