#include <algorithm>
#include <vector>

#include "engine/base/parallel.h"
#include "engine/kernels/bits.h"
#include "engine/kernels/clones.h"
#include "engine/kernels/key_runs.h"

namespace lacuna::kernels {
namespace {

template <typename Key, bool OrEqual>
inline void compare_run(const Key* keys, int64_t count, Key cut, uint64_t* words) {
    alignas(64) uint8_t flags[64];
    for (int64_t begin = 0; begin < count; begin += 64) {
        const int64_t here = std::min<int64_t>(64, count - begin);
        if (here == 64) {
            for (int i = 0; i < 64; ++i) flags[i] = OrEqual ? keys[begin + i] <= cut : keys[begin + i] < cut;
            *words++ = pack64(flags);
        } else {
            for (int i = 0; i < here; ++i) flags[i] = OrEqual ? keys[begin + i] <= cut : keys[begin + i] < cut;
            *words++ = pack(flags, here);
        }
    }
}

LACUNA_CLONES void mark_run(const Key32* keys, int64_t count, Key32 cut, bool or_equal, uint64_t* words) {
    or_equal ? compare_run<Key32, true>(keys, count, cut, words) : compare_run<Key32, false>(keys, count, cut, words);
}

LACUNA_CLONES void mark_run(const Key64* keys, int64_t count, Key64 cut, bool or_equal, uint64_t* words) {
    or_equal ? compare_run<Key64, true>(keys, count, cut, words) : compare_run<Key64, false>(keys, count, cut, words);
}

/// Sets the bits of the first `quota` keys of [begin, end) that equal `cut`.
template <typename Key>
void mark_equal(const KeyReader<Key>& reader, int64_t begin, int64_t end, Key cut, int64_t quota, uint64_t* words) {
    each_run(reader, begin, end, [&](const Key* keys, int64_t count, int64_t first) {
        for (int64_t i = 0; i < count && quota > 0; ++i) {
            if (keys[i] != cut) continue;
            words[(first + i) >> 6] |= uint64_t(1) << ((first + i) & 63);
            --quota;
        }
    });
}

}  // namespace

template <typename Key>
void mark_below(const KeyReader<Key>& reader, int64_t count, const Cut<Key>& cut, uint64_t* words) {
    const bool all_equal = cut.equal == cut.ties;
    std::vector<int64_t> equal(static_cast<size_t>(chunks_of(count)));
    parallel_for(count, chunk_keys, [&](int64_t begin, int64_t end) {
        int64_t found = 0;
        each_run(reader, begin, end, [&](const Key* keys, int64_t here, int64_t first) {
            mark_run(keys, here, cut.key, all_equal, words + first / 64);
            if (!all_equal) found += std::count(keys, keys + here, cut.key);
        });
        equal[size_t(begin / chunk_keys)] = found;
    });
    if (all_equal) return;
    // Ties go in index order, whichever thread takes them: all of the first chunks', a part of one chunk's, no more.
    std::vector<int64_t> share = equal;
    int64_t left = cut.equal;
    for (auto& one : share) left -= one = std::min(one, left);
    parallel_for(count, chunk_keys, [&](int64_t begin, int64_t end) {
        const auto chunk = size_t(begin / chunk_keys);
        if (share[chunk] == 0) return;
        if (share[chunk] < equal[chunk]) return mark_equal(reader, begin, end, cut.key, share[chunk], words);
        each_run(reader, begin, end, [&](const Key* keys, int64_t here, int64_t first) {
            mark_run(keys, here, cut.key, true, words + first / 64);
        });
    });
}

template void mark_below(const KeyReader<Key32>&, int64_t, const Cut<Key32>&, uint64_t*);
template void mark_below(const KeyReader<Key64>&, int64_t, const Cut<Key64>&, uint64_t*);

}  // namespace lacuna::kernels
