#pragma once

#include <cstdint>
#include <functional>

namespace lacuna {

/// How many threads parallel loops use. 0 restores the default: the machine's processors, at most 64.
void set_threads(int count);
int threads();

/// Runs `body(begin, end)` over [0, count) in chunks of exactly `grain` items (the last may be shorter).
/// Chunk borders depend on `count` and `grain` alone, never on the number of threads, so a result that is put together
/// chunk by chunk is the same on every run. Chunks may run at the same time and in any order. The first exception that
/// a chunk throws is thrown again here once all have ended. Calls in a chunk stay in its thread where the loop has
/// helpers.
void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& body);

}  // namespace lacuna
