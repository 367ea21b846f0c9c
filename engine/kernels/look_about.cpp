#include "engine/kernels/look_about.h"

#include <algorithm>
#include <mutex>

#include "engine/base/parallel.h"
#include "engine/kernels/clones.h"
#include "engine/kernels/key_runs.h"

namespace lacuna::kernels {
namespace {

/// Few keys lie inside: a group of neighbours is looked through one by one only if one of them does.
constexpr int64_t group_keys = 64;

/// One run of keys; writes those inside to `inside`, which has room for all.
template <typename Key>
[[gnu::always_inline]] inline void look_any(const Key* keys, int64_t count, Bracket<Key> bracket, Looked<Key>& looked,
                                            Key* inside) {
    const Key low = bracket.low, high = bracket.high;
    for (int64_t begin = 0; begin < count; begin += group_keys) {
        const int64_t end = std::min(count, begin + group_keys);
        Key below = 0, up_to_low = 0, below_high = 0, up_to_high = 0;
        for (int64_t i = begin; i < end; ++i) {
            below += keys[i] < low;
            up_to_low += keys[i] <= low;
            below_high += keys[i] < high;
            up_to_high += keys[i] <= high;
        }
        looked.below += int64_t(below);
        looked.at_low += int64_t(up_to_low - below);
        if (low == high) continue;
        looked.at_high += int64_t(up_to_high - below_high);
        if (below_high == up_to_low) continue;
        for (int64_t i = begin; i < end; ++i) {
            inside[looked.inside] = keys[i];
            looked.inside += keys[i] > low && keys[i] < high;
        }
    }
}

LACUNA_CLONES void look_run(const Key32* keys, int64_t count, Bracket<Key32> bracket, Looked<Key32>& looked,
                            Key32* inside) {
    look_any(keys, count, bracket, looked, inside);
}

LACUNA_CLONES void look_run(const Key64* keys, int64_t count, Bracket<Key64> bracket, Looked<Key64>& looked,
                            Key64* inside) {
    look_any(keys, count, bracket, looked, inside);
}

}  // namespace

template <typename Key>
Looked<Key> look_about(const KeyReader<Key>& reader, int64_t count, Bracket<Key> bracket, int64_t room) {
    Looked<Key> all;
    std::mutex mutex;
    parallel_for(count, chunk_keys, [&](int64_t begin, int64_t end) {
        Looked<Key> mine;
        std::array<Key, size_t(keys_a_read) + 1> inside;
        each_run(reader, begin, end, [&](const Key* keys, int64_t here, int64_t) {
            Looked<Key> run;
            look_run(keys, here, bracket, run, inside.data());
            mine.below += run.below;
            mine.at_low += run.at_low;
            mine.at_high += run.at_high;
            mine.inside += run.inside;
            if (mine.inside <= room) mine.found.insert(mine.found.end(), inside.data(), inside.data() + run.inside);
        });
        std::lock_guard lock(mutex);
        all.below += mine.below;
        all.at_low += mine.at_low;
        all.at_high += mine.at_high;
        all.inside += mine.inside;
        if (all.inside <= room) all.found.insert(all.found.end(), mine.found.begin(), mine.found.end());
    });
    all.found.shrink_to_fit();
    return all;
}

template <typename Key>
void count_in_bins(const KeyReader<Key>& reader, int64_t count, Key low, int shift, std::span<int64_t> bins) {
    const Key range = Key(bins.size());
    std::mutex mutex;
    parallel_for(count, chunk_keys, [&](int64_t begin, int64_t end) {
        std::vector<uint32_t> mine(bins.size() + 1);  // of one chunk: 32 bits are enough; the last is for all others
        each_run(reader, begin, end, [&](const Key* keys, int64_t here, int64_t) {
            for (int64_t i = 0; i < here; ++i) ++mine[size_t(std::min(Key(Key(keys[i] - low) >> shift), range))];
        });
        std::lock_guard lock(mutex);
        for (size_t i = 0; i < bins.size(); ++i) bins[i] += mine[i];
    });
}

template Looked<Key32> look_about(const KeyReader<Key32>&, int64_t, Bracket<Key32>, int64_t);
template Looked<Key64> look_about(const KeyReader<Key64>&, int64_t, Bracket<Key64>, int64_t);
template void count_in_bins(const KeyReader<Key32>&, int64_t, Key32, int, std::span<int64_t>);
template void count_in_bins(const KeyReader<Key64>&, int64_t, Key64, int, std::span<int64_t>);

}  // namespace lacuna::kernels
