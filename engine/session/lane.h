#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "engine/base/progress.h"

namespace lacuna {

/// A thread that runs one piece of work after the other, with no Qt and no LibTorch in it. Work that throws is the
/// caller's business: wrap it, an exception that gets out ends the program.
class Lane {
  public:
    using Work = std::function<void(const CancelToken&)>;

    Lane() : thread_([this] { serve(); }) {}
    ~Lane() { stop(); }
    /// Cancels what runs and drops what waits. Work that comes later is dropped.
    void give_up();
    /// The same, and waits for what runs.
    void stop();

    /// Queues `work` behind what waits.
    void post(Work work);
    /// Latest wins: drops waiting work of the same tag and queues this. `cancel_running` also cancels work of that tag
    /// which runs already; without it that work finishes first, so that a stream of replacements still shows results.
    void replace(std::string tag, Work work, bool cancel_running);
    /// Cancels what runs; what waits stays.
    void cancel();

  private:
    struct Item {
        std::string tag;
        Work work;
    };
    void serve();

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Item> waiting_;
    std::string running_tag_;
    std::optional<CancelToken> running_;
    bool stop_ = false;
    std::thread thread_;  ///< last: starts when everything else is there
};

}  // namespace lacuna
