#include "engine/kernels/cut_of_few.h"

#include <algorithm>

#include "engine/kernels/clones.h"

namespace lacuna::kernels {
namespace {

/// The range that the cut lies in, and how many keys lie below it and up to its end.
template <typename Key>
struct Range {
    Key low, high;
    int64_t below, up_to_high;
};

template <typename Key>
[[gnu::always_inline]] inline Range<Key> whole_range(const Key* keys, int64_t count) {
    Key low = keys[0], high = keys[0];
    for (int64_t i = 1; i < count; ++i) {
        low = std::min(low, keys[i]);
        high = std::max(high, keys[i]);
    }
    return {low, high, 0, count};
}

/// Where to cut the range in two: by turns where the cut would be if the keys in it were evenly spread, which finds it
/// in a few tries, and in the middle, which ends.
template <typename Key>
Key next_try(const Range<Key>& range, int64_t k, bool evenly) {
    const Key span = range.high - range.low;
    if (!evenly) return range.low + span / 2;
    const double share = (double(k - range.below) - 0.5) / double(range.up_to_high - range.below);
    return range.low + std::min(Key(double(span) * share), Key(span - 1));
}

template <typename Key>
[[gnu::always_inline]] inline Cut<Key> bisect(const Key* keys, int64_t count, int64_t k) {
    Range<Key> range = whole_range(keys, count);
    for (bool evenly = true; range.low < range.high; evenly = !evenly) {
        const Key tried = next_try(range, k, evenly);
        Key up_to = 0;  // few keys: no overflow
        for (int64_t i = 0; i < count; ++i) up_to += keys[i] <= tried;
        if (int64_t(up_to) == k) return {tried, 0, 0};
        if (int64_t(up_to) < k) {
            range.low = tried + 1;
            range.below = int64_t(up_to);
        } else {
            range.high = tried;
            range.up_to_high = int64_t(up_to);
        }
    }
    if (range.up_to_high == k) return {range.high, 0, 0};
    return {range.low, k - range.below, range.up_to_high - range.below};
}

template <typename Key>
[[gnu::always_inline]] inline void flag_any(const Key* keys, int64_t count, const Cut<Key>& cut, uint8_t* flags) {
    if (cut.equal == cut.ties) {
        for (int64_t i = 0; i < count; ++i) flags[i] = keys[i] <= cut.key;
        return;
    }
    for (int64_t i = 0; i < count; ++i) flags[i] = keys[i] < cut.key;
    int64_t equal = cut.equal;
    for (int64_t i = 0; equal > 0; ++i)
        if (keys[i] == cut.key) {
            flags[i] = 1;
            --equal;
        }
}

}  // namespace

LACUNA_CLONES Cut<Key32> cut_of_few(const Key32* keys, int64_t count, int64_t k) {
    return bisect(keys, count, k);
}

LACUNA_CLONES Cut<Key64> cut_of_few(const Key64* keys, int64_t count, int64_t k) {
    return bisect(keys, count, k);
}

LACUNA_CLONES void flag_below(const Key32* keys, int64_t count, const Cut<Key32>& cut, uint8_t* flags) {
    flag_any(keys, count, cut, flags);
}

LACUNA_CLONES void flag_below(const Key64* keys, int64_t count, const Cut<Key64>& cut, uint8_t* flags) {
    flag_any(keys, count, cut, flags);
}

}  // namespace lacuna::kernels
