#include "engine/session/lane.h"

namespace lacuna {

void Lane::give_up() {
    std::deque<Item> dropped;  // goes after the lock: what work holds may look at this lane when it ends
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
        dropped.swap(waiting_);
        if (running_) running_->cancel();
    }
    wake_.notify_all();
}

void Lane::stop() {
    give_up();
    if (thread_.joinable()) thread_.join();
}

void Lane::post(Work work) {
    replace({}, std::move(work), false);
}

void Lane::replace(std::string tag, Work work, bool cancel_running) {
    std::deque<Item> kept, dropped;
    {
        std::lock_guard lock(mutex_);
        if (stop_) return;
        for (Item& item : waiting_) (!tag.empty() && item.tag == tag ? dropped : kept).push_back(std::move(item));
        if (cancel_running && running_ && running_tag_ == tag) running_->cancel();
        kept.push_back({std::move(tag), std::move(work)});
        waiting_.swap(kept);
    }
    wake_.notify_all();
}

void Lane::cancel() {
    std::lock_guard lock(mutex_);
    if (running_) running_->cancel();
}

void Lane::serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
        if (stop_) return;
        Item item = std::move(waiting_.front());
        waiting_.pop_front();
        running_.emplace();
        running_tag_ = item.tag;
        const CancelToken token = *running_;
        lock.unlock();
        item.work(token);
        item.work = nullptr;  // what it holds goes before the lane looks idle
        lock.lock();
        running_.reset();
    }
}

}  // namespace lacuna
