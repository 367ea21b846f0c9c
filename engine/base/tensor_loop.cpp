#include "engine/base/tensor_loop.h"

#include <algorithm>
#include <numeric>

#include "engine/base/parallel.h"

namespace lacuna {
namespace {

constexpr int64_t large_weights = int64_t(1) << 18;  // from here on one tensor keeps every thread busy
constexpr int64_t batch_weights = int64_t(1) << 24;  // between two progress points

/// `count` is told of weights in the calling thread.
void run_loop(const std::vector<int64_t>& sizes, const Progress& progress, const std::function<void(size_t)>& body,
              const TensorsDone& done, const std::function<void(int64_t weights)>& count) {
    const auto through = [&](std::span<const size_t> indices, int64_t weights) {
        if (done) done(indices);
        count(weights);
    };
    std::vector<size_t> batch;
    int64_t weights = 0;
    const auto run_batch = [&] {
        parallel_for(int64_t(batch.size()), 1, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end && !progress.cancelled(); ++i) body(batch[size_t(i)]);
        });
        through(batch, weights);
        batch.clear();
        weights = 0;
    };
    for (size_t i = 0; i < sizes.size(); ++i) {
        if (sizes[i] >= large_weights) {
            body(i);
            through({&i, 1}, sizes[i]);
            continue;
        }
        batch.push_back(i);
        weights += sizes[i];
        if (weights >= batch_weights) run_batch();
    }
    if (!batch.empty()) run_batch();
}

}  // namespace

void for_each_tensor(const std::vector<int64_t>& sizes, const std::string& stage, Progress& progress,
                     const std::function<void(size_t index)>& body, const TensorsDone& done) {
    progress.begin(stage, uint64_t(std::accumulate(sizes.begin(), sizes.end(), int64_t(0))), "weights");
    run_loop(sizes, progress, body, done, [&](int64_t weights) { progress.advance(uint64_t(weights)); });
}

void for_each_tensor(const std::vector<int64_t>& sizes, const Progress& progress,
                     const std::function<void(size_t index)>& body, const TensorsDone& done) {
    run_loop(sizes, progress, body, done, [&](int64_t) { progress.check(); });
}

}  // namespace lacuna
