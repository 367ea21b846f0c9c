#include "engine/base/progress.h"

#include <algorithm>
#include <utility>

#include "engine/base/error.h"

namespace lacuna {

namespace {
constexpr std::chrono::seconds mark_distance(5);
}

void Progress::check() const {
    if (token_.cancelled()) throw Cancelled();
}

void Progress::begin(std::string stage, uint64_t total, std::string unit) {
    check();
    state_ = {std::move(stage), std::move(unit), 0, total, 0, -1};
    older_ = newer_ = {Clock::now(), 0};
    report();
}

void Progress::rename(std::string stage) {
    check();
    state_.stage = std::move(stage);
    report();
}

void Progress::advance(uint64_t n) {
    check();
    state_.done += n;
    if (state_.total != 0 && state_.done > state_.total) state_.done = state_.total;
    const bool last = state_.total != 0 && state_.done >= state_.total;
    if (last || Clock::now() - last_ > std::chrono::milliseconds(50)) report();
}

void Progress::skip(uint64_t n) {
    check();
    state_.done += n;
    older_.done += n;
    newer_.done += n;
}

void Progress::report() {
    if (!report_) return;
    last_ = Clock::now();
    const double seconds = std::chrono::duration<double>(last_ - older_.time).count();
    state_.per_second = seconds > 0 ? double(state_.done - older_.done) / seconds : 0;
    const bool known = state_.total > 0 && state_.per_second > 0 && seconds > 0.2;
    state_.seconds_left = known ? double(state_.total - std::min(state_.done, state_.total)) / state_.per_second : -1;
    if (last_ - newer_.time > mark_distance) older_ = std::exchange(newer_, {last_, state_.done});
    report_(state_);
}

}  // namespace lacuna
