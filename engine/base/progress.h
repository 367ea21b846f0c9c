#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace lacuna {

/// What a job tells about itself at one moment. `total` 0 means that the end is not known.
struct ProgressState {
    std::string stage;  ///< e.g. "Writing"
    std::string unit;   ///< "B" for bytes, else a plural noun ("tensors", "samples")
    uint64_t done = 0;
    uint64_t total = 0;
    double per_second = 0;     ///< units a second that this run does, over the last seconds
    double seconds_left = -1;  ///< -1: not known yet
};

/// A flag that any thread may set; the job stops at its next progress point.
class CancelToken {
  public:
    void cancel() noexcept { flag_->store(true, std::memory_order_relaxed); }
    bool cancelled() const noexcept { return flag_->load(std::memory_order_relaxed); }

  private:
    std::shared_ptr<std::atomic<bool>> flag_ = std::make_shared<std::atomic<bool>>(false);
};

/// Progress and cancellation of one job, used by one thread at a time. Every `advance` is a cancellation point.
/// Reports are thinned out to about 20 a second; the first and last of a stage always come through.
class Progress {
  public:
    using Report = std::function<void(const ProgressState&)>;

    Progress() = default;  ///< silent, never cancelled
    explicit Progress(Report report, CancelToken token = {}) : report_(std::move(report)), token_(std::move(token)) {}

    /// Starts a stage of `total` units. Throws Cancelled.
    void begin(std::string stage, uint64_t total, std::string unit);
    /// `n` more units are done. Throws Cancelled.
    void advance(uint64_t n = 1);
    /// `n` more units were done before this run: they count, but not towards the rate. Throws Cancelled.
    void skip(uint64_t n);
    /// Another name for what goes on, while the count goes on. Throws Cancelled.
    void rename(std::string stage);
    /// Throws Cancelled if the job was cancelled; for loops that have nothing to count.
    void check() const;
    /// For worker threads, which must not throw out of a parallel loop: ask, then stop early.
    bool cancelled() const noexcept { return token_.cancelled(); }

  private:
    using Clock = std::chrono::steady_clock;
    /// A moment to measure the rate from.
    struct Mark {
        Clock::time_point time{};
        uint64_t done = 0;
    };
    void report();

    Report report_;
    CancelToken token_;
    ProgressState state_;
    Mark older_, newer_;  ///< the rate counts from the older one, a few seconds back
    Clock::time_point last_{};
};

}  // namespace lacuna
