#include "engine/kernels/bracket.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <mutex>

#include "engine/base/parallel.h"
#include "engine/kernels/bits.h"
#include "engine/kernels/clones.h"
#include "engine/kernels/key_runs.h"

namespace lacuna::kernels {
namespace {

constexpr int64_t least_keys = 1 << 16;
constexpr int64_t sample_run = 8, keys_a_sample_run = 1024, most_sample_runs = 8192;
constexpr int64_t most_inside = chunk_keys / 4;  // of one chunk

struct RunFound {
    int64_t below = 0, up_to_low = 0, up_to_high = 0, inside = 0;
};

/// Places that are written at once, needed or not: most words have fewer ones, and a loop of their number would be
/// mispredicted at nearly every word.
constexpr int places_at_once = 4;

/// Appends the places of the ones in `bits`, counted from `first`; gives their number. What lies behind is overwritten.
[[gnu::always_inline]] inline int64_t append_places(uint64_t bits, uint32_t first, uint32_t* places) {
    const int ones = std::popcount(bits);
    for (int i = 0; i < places_at_once; ++i, bits &= bits - 1) places[i] = first + uint32_t(std::countr_zero(bits));
    for (int i = places_at_once; i < ones; ++i, bits &= bits - 1) places[i] = first + uint32_t(std::countr_zero(bits));
    return ones;
}

/// One run: bits of the keys up to `low`, and the places of the keys inside, with room for `places_at_once` more.
template <typename Key>
[[gnu::always_inline]] inline RunFound scan_any(const Key* keys, int64_t count, Bracket<Key> bracket, uint64_t* words,
                                                uint32_t* places) {
    const Key low = bracket.low, high = bracket.high;
    Key below = 0, up_to_high = 0;  // a run is short: no overflow
    for (int64_t i = 0; i < count; ++i) {
        below += keys[i] < low;
        up_to_high += keys[i] <= high;
    }
    RunFound found{int64_t(below), 0, int64_t(up_to_high), 0};
    alignas(64) uint8_t taken[64] = {}, between[64] = {};
    for (int64_t begin = 0; begin < count; begin += 64) {
        const int64_t here = std::min<int64_t>(64, count - begin);
        if (here == 64) {
            for (int i = 0; i < 64; ++i) taken[i] = keys[begin + i] <= low;
            for (int i = 0; i < 64; ++i) between[i] = (keys[begin + i] > low) & (keys[begin + i] < high);
        } else {
            for (int i = 0; i < 64; ++i) taken[i] = i < here && keys[begin + i] <= low;
            for (int i = 0; i < 64; ++i) between[i] = i < here && keys[begin + i] > low && keys[begin + i] < high;
        }
        const uint64_t word = pack64(taken);
        words[begin / 64] = word;
        found.up_to_low += std::popcount(word);
        found.inside += append_places(pack64(between), uint32_t(begin), places + found.inside);
    }
    return found;
}

LACUNA_CLONES RunFound scan_run(const Key32* keys, int64_t count, Bracket<Key32> bracket, uint64_t* words,
                                uint32_t* places) {
    return scan_any(keys, count, bracket, words, places);
}

LACUNA_CLONES RunFound scan_run(const Key64* keys, int64_t count, Bracket<Key64> bracket, uint64_t* words,
                                uint32_t* places) {
    return scan_any(keys, count, bracket, words, places);
}

template <typename Key>
void collect(const Key* keys, const uint32_t* places, int64_t count, uint32_t first, Inside<Key>& inside) {
    const size_t before = inside.keys.size(), after = before + size_t(count);
    inside.keys.resize(after);
    inside.places.resize(after);
    for (size_t i = before; i < after; ++i) {
        inside.keys[i] = keys[places[i - before]];
        inside.places[i] = first + places[i - before];
    }
}

/// Short runs of neighbours, evenly spread: weights of one row are alike, so many places tell more than many keys.
template <typename Key>
std::vector<Key> sample(const KeyReader<Key>& reader, int64_t count) {
    const int64_t runs = std::min(most_sample_runs, count / keys_a_sample_run);
    std::vector<Key> keys(static_cast<size_t>(runs * sample_run));
    std::array<Key, size_t(sample_run)> scratch;
    for (int64_t i = 0; i < runs; ++i) {
        const int64_t begin = i * (count / 64) / runs * 64;
        std::copy_n(reader(begin, begin + sample_run, scratch.data()), sample_run, keys.begin() + i * sample_run);
    }
    return keys;
}

}  // namespace

template <typename Key>
std::optional<Bracket<Key>> guess_bracket(const KeyReader<Key>& reader, int64_t count, int64_t k) {
    if (count < least_keys) return std::nullopt;
    std::vector<Key> keys = sample(reader, count);
    const auto size = int64_t(keys.size());
    const auto place = int64_t(double(k) / double(count) * double(size));
    const int64_t margin = size / 128 + int64_t(2 * std::sqrt(double(size)));
    Bracket<Key> bracket{0, nan_key<Key>};
    auto from = keys.begin();
    if (place >= margin) {
        from += place - margin;
        std::nth_element(keys.begin(), from, keys.end());
        bracket.low = *from;
    }
    if (place + margin < size) {
        const auto upper = keys.begin() + place + margin;
        std::nth_element(from, upper, keys.end());
        bracket.high = *upper;
    }
    return bracket;
}

template <typename Key>
std::optional<Scan<Key>> scan_bracket(const KeyReader<Key>& reader, int64_t count, Bracket<Key> bracket,
                                      uint64_t* words) {
    Scan<Key> scan;
    scan.inside.resize(size_t(chunks_of(count)));
    std::mutex mutex;
    std::atomic<bool> helps = true;
    parallel_for(count, chunk_keys, [&](int64_t begin, int64_t end) {
        Inside<Key>& mine = scan.inside[size_t(begin / chunk_keys)];
        RunFound total;
        std::array<uint32_t, size_t(keys_a_read) + places_at_once> places;
        each_run(reader, begin, end, [&](const Key* keys, int64_t here, int64_t first) {
            if (!helps) return;
            const RunFound found = scan_run(keys, here, bracket, words + first / 64, places.data());
            collect(keys, places.data(), found.inside, uint32_t(first - begin), mine);
            if (int64_t(mine.keys.size()) > most_inside) helps = false;
            total.below += found.below;
            total.up_to_low += found.up_to_low;
            total.up_to_high += found.up_to_high;
        });
        std::lock_guard lock(mutex);
        scan.below += total.below;
        scan.at_low += total.up_to_low - total.below;
        scan.at_high += total.up_to_high - total.up_to_low - int64_t(mine.keys.size());
    });
    if (!helps) return std::nullopt;
    return scan;
}

template std::optional<Bracket<Key32>> guess_bracket(const KeyReader<Key32>&, int64_t, int64_t);
template std::optional<Bracket<Key64>> guess_bracket(const KeyReader<Key64>&, int64_t, int64_t);
template std::optional<Scan<Key32>> scan_bracket(const KeyReader<Key32>&, int64_t, Bracket<Key32>, uint64_t*);
template std::optional<Scan<Key64>> scan_bracket(const KeyReader<Key64>&, int64_t, Bracket<Key64>, uint64_t*);

}  // namespace lacuna::kernels
