#include "engine/kernels/radix_select.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <vector>

#include "engine/base/parallel.h"
#include "engine/kernels/bits.h"
#include "engine/kernels/clones.h"

namespace lacuna::kernels {
namespace {

constexpr int64_t chunk_keys = 1 << 19;
constexpr int digit_bits = 11;
using Histogram = std::array<uint32_t, 1 << digit_bits>;  // of one chunk: 32 bits are enough

template <typename Key>
constexpr int key_bits = int(sizeof(Key)) * 8 - 1;  // keys are signed integers that are not negative

/// What is known of the cut between two passes: its upper bits, and the rank that it has among the keys that share
/// them.
template <typename Key>
struct Search {
    Key prefix = 0;
    int shift = key_bits<Key>;  // bits below the prefix
    int64_t rank = 0;           // 1-based
    int64_t candidates = 0;     // keys with that prefix
};

/// Several tables: additions to one counter would wait for each other, and equal digits come in crowds.
using Histograms = std::array<Histogram, 4>;

template <typename Key>
void count_digits(const Key* keys, int64_t count, int shift, Histograms& tables) {
    int64_t i = 0;
    for (; i + 3 < count; i += 4)
        for (size_t t = 0; t < 4; ++t) ++tables[t][size_t(keys[i + int64_t(t)] >> shift)];
    for (; i < count; ++i) ++tables[0][size_t(keys[i] >> shift)];
}

/// Moves the keys whose upper bits are `prefix` to the front of `out`; gives their number.
template <typename Key>
int64_t keep_prefix(const Key* keys, int64_t count, int shift, Key prefix, Key* out) {
    int64_t kept = 0;
    for (int64_t i = 0; i < count; ++i) {
        out[kept] = keys[i];
        kept += (keys[i] >> shift) == prefix;
    }
    return kept;
}

/// Calls body(keys, count, first index) for every run of at most `keys_a_read` keys in [begin, end).
template <typename Key, typename Body>
void each_run(const KeyReader<Key>& reader, int64_t begin, int64_t end, Body&& body) {
    std::array<Key, size_t(keys_a_read)> scratch;
    for (int64_t first = begin; first < end; first += keys_a_read) {
        const int64_t last = std::min(end, first + keys_a_read);
        body(reader(first, last, scratch.data()), last - first, first);
    }
}

/// One pass: counts the next digit of the keys that share the prefix, and lengthens the prefix by it.
template <typename Key>
void narrow(const KeyReader<Key>& reader, int64_t count, Search<Key>& search) {
    const int width = std::min(digit_bits, search.shift), shift = search.shift - width;
    const bool all = search.shift == key_bits<Key>;
    const Key digit_mask = (Key(1) << width) - 1;
    std::array<int64_t, 1 << digit_bits> total{};
    std::mutex mutex;
    parallel_for(count, chunk_keys, [&](int64_t begin, int64_t end) {
        Histograms tables{};
        std::array<Key, size_t(keys_a_read)> shared;
        each_run(reader, begin, end, [&](const Key* keys, int64_t here, int64_t) {
            if (!all) {
                here = keep_prefix(keys, here, search.shift, search.prefix, shared.data());
                for (int64_t i = 0; i < here; ++i) shared[size_t(i)] &= (digit_mask << shift) | ((Key(1) << shift) - 1);
                keys = shared.data();
            }
            count_digits(keys, here, shift, tables);
        });
        std::lock_guard lock(mutex);
        for (const Histogram& table : tables)
            for (size_t digit = 0; digit < total.size(); ++digit) total[digit] += table[digit];
    });
    size_t digit = 0;
    for (; search.rank > total[digit]; ++digit) search.rank -= total[digit];
    search.prefix = (all ? Key(0) : search.prefix << width) | Key(digit);
    search.shift = shift;
    search.candidates = total[digit];
}

/// The keys that share the prefix, in any order: only their values matter from here on.
template <typename Key>
std::vector<Key> gather(const KeyReader<Key>& reader, int64_t count, const Search<Key>& search) {
    std::vector<Key> gathered(static_cast<size_t>(search.candidates));
    size_t filled = 0;
    std::mutex mutex;
    parallel_for(count, chunk_keys, [&](int64_t begin, int64_t end) {
        std::vector<Key> mine;
        std::array<Key, size_t(keys_a_read)> shared;
        each_run(reader, begin, end, [&](const Key* keys, int64_t here, int64_t) {
            const int64_t kept = keep_prefix(keys, here, search.shift, search.prefix, shared.data());
            mine.insert(mine.end(), shared.begin(), shared.begin() + kept);
        });
        std::lock_guard lock(mutex);
        std::copy(mine.begin(), mine.end(), gathered.begin() + int64_t(filled));
        filled += mine.size();
    });
    return gathered;
}

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
Cut<Key> find_cut(const KeyReader<Key>& reader, int64_t count, int64_t k) {
    Search<Key> search;
    search.rank = k;
    narrow(reader, count, search);
    while (search.shift > 0 && search.candidates > count / 4) narrow(reader, count, search);
    if (search.shift > 0) {
        const std::vector<Key> few = gather(reader, count, search);
        const KeyReader<Key> from_few = [&](int64_t begin, int64_t, Key*) { return few.data() + begin; };
        while (search.shift > 0) narrow(from_few, int64_t(few.size()), search);
    }
    return {search.prefix, search.rank, search.candidates};
}

template <typename Key>
void mark_below(const KeyReader<Key>& reader, int64_t count, const Cut<Key>& cut, uint64_t* words) {
    const bool all_equal = cut.equal == cut.ties;
    std::vector<int64_t> equal(static_cast<size_t>((count + chunk_keys - 1) / chunk_keys));
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

template <typename Key>
void select_lowest(const KeyReader<Key>& reader, int64_t count, int64_t k, uint64_t* words) {
    if (k <= 0 || k >= count) {
        std::fill_n(words, (count + 63) / 64, uint64_t(0));
        if (k > 0) fill_bits(words, 0, count, true);
        return;
    }
    mark_below(reader, count, find_cut(reader, count, k), words);
}

template Cut<Key32> find_cut(const KeyReader<Key32>&, int64_t, int64_t);
template Cut<Key64> find_cut(const KeyReader<Key64>&, int64_t, int64_t);
template void mark_below(const KeyReader<Key32>&, int64_t, const Cut<Key32>&, uint64_t*);
template void mark_below(const KeyReader<Key64>&, int64_t, const Cut<Key64>&, uint64_t*);
template void select_lowest(const KeyReader<Key32>&, int64_t, int64_t, uint64_t*);
template void select_lowest(const KeyReader<Key64>&, int64_t, int64_t, uint64_t*);

}  // namespace lacuna::kernels
