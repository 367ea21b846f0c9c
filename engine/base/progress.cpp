#include "engine/base/progress.h"

#include <algorithm>

#include "engine/base/error.h"

namespace lacuna {

using Clock = std::chrono::steady_clock;

void Progress::check() const {
    if (token_.cancelled()) throw Cancelled();
}

void Progress::begin(std::string stage, uint64_t total, std::string unit) {
    check();
    state_ = {std::move(stage), std::move(unit), 0, total, 0, -1};
    began_ = Clock::now();
    report();
}

void Progress::advance(uint64_t n) {
    check();
    state_.done += n;
    const bool last = state_.total != 0 && state_.done >= state_.total;
    if (last || Clock::now() - last_ > std::chrono::milliseconds(50)) report();
}

void Progress::report() {
    if (!report_) return;
    last_ = Clock::now();
    const double seconds = std::chrono::duration<double>(last_ - began_).count();
    state_.per_second = seconds > 0 ? double(state_.done) / seconds : 0;
    const bool known = state_.total > 0 && state_.per_second > 0 && seconds > 0.2;
    state_.seconds_left = known ? double(state_.total - std::min(state_.done, state_.total)) / state_.per_second : -1;
    report_(state_);
}

}  // namespace lacuna
