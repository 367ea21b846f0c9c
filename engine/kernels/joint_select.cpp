#include "engine/kernels/joint_select.h"

#include <algorithm>

namespace lacuna::kernels {

template <typename Key>
KeyReader<Key> joined(std::span<const KeyRun<Key>> runs) {
    if (runs.size() == 1) return runs[0].read;
    std::vector<int64_t> starts{0};
    for (const auto& run : runs) starts.push_back(starts.back() + run.count);
    return [runs, starts = std::move(starts)](int64_t begin, int64_t end, Key* scratch) -> const Key* {
        auto run = size_t(std::upper_bound(starts.begin(), starts.end(), begin) - starts.begin()) - 1;
        if (end <= starts[run + 1]) return runs[run].read(begin - starts[run], end - starts[run], scratch);
        for (int64_t at = begin; at < end; ++run) {
            const int64_t here = std::min(end, starts[run + 1]);
            if (here == at) continue;  // a run without keys
            Key* out = scratch + (at - begin);
            const Key* keys = runs[run].read(at - starts[run], here - starts[run], out);
            if (keys != out) std::copy_n(keys, here - at, out);
            at = here;
        }
        return scratch;
    };
}

template KeyReader<Key32> joined(std::span<const KeyRun<Key32>>);
template KeyReader<Key64> joined(std::span<const KeyRun<Key64>>);

}  // namespace lacuna::kernels
