#include "engine/kernels/radix_select.h"

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <vector>

#include "engine/base/parallel.h"
#include "engine/kernels/key_runs.h"

namespace lacuna::kernels {
namespace {

constexpr int digit_bits = 11;
using Histogram = std::array<uint32_t, 1 << digit_bits>;  // of one chunk: 32 bits are enough

/// What is known of the cut between two passes: its upper bits, and the rank that it has among the keys that share
/// them.
template <typename Key>
struct Search {
    Key prefix = 0;
    int shift = 0;           // bits below the prefix
    int64_t rank = 0;        // 1-based
    int64_t candidates = 0;  // keys with that prefix
};

/// Several tables: additions to one counter would wait for each other, and equal digits come in crowds.
using Histograms = std::array<Histogram, 4>;

template <typename Key>
void count_digits(const Key* keys, int64_t count, int shift, Key digit_mask, Histograms& tables) {
    int64_t i = 0;
    for (; i + 3 < count; i += 4)
        for (size_t t = 0; t < 4; ++t) ++tables[t][size_t(keys[i + int64_t(t)] >> shift & digit_mask)];
    for (; i < count; ++i) ++tables[0][size_t(keys[i] >> shift & digit_mask)];
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

/// One pass: counts the next digit of the keys that share the prefix, and lengthens the prefix by it.
template <typename Key>
void narrow(const KeyReader<Key>& reader, int64_t count, Search<Key>& search) {
    const int width = std::min(digit_bits, search.shift), shift = search.shift - width;
    const bool all = search.candidates == count;  // share the prefix
    const Key digit_mask = (Key(1) << width) - 1;
    std::array<int64_t, 1 << digit_bits> total{};
    std::mutex mutex;
    parallel_for(count, chunk_keys, [&](int64_t begin, int64_t end) {
        Histograms tables{};
        std::array<Key, size_t(keys_a_read)> shared;
        each_run(reader, begin, end, [&](const Key* keys, int64_t here, int64_t) {
            if (!all) {
                here = keep_prefix(keys, here, search.shift, search.prefix, shared.data());
                keys = shared.data();
            }
            count_digits(keys, here, shift, digit_mask, tables);
        });
        std::lock_guard lock(mutex);
        for (const Histogram& table : tables)
            for (size_t digit = 0; digit < total.size(); ++digit) total[digit] += table[digit];
    });
    size_t digit = 0;
    for (; search.rank > total[digit]; ++digit) search.rank -= total[digit];
    search.prefix = search.prefix << width | Key(digit);
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

}  // namespace

template <typename Key>
Cut<Key> find_cut_between(const KeyReader<Key>& reader, int64_t count, int64_t k, Key low, Key high) {
    Search<Key> search;
    search.shift = std::bit_width(Key(low ^ high));
    search.prefix = low >> search.shift;
    search.rank = k;
    search.candidates = count;
    while (search.shift > 0 && search.candidates > count / 4) narrow(reader, count, search);
    if (search.shift > 0) {
        const std::vector<Key> few = gather(reader, count, search);
        const KeyReader<Key> from_few = [&](int64_t begin, int64_t, Key*) { return few.data() + begin; };
        while (search.shift > 0) narrow(from_few, int64_t(few.size()), search);
    }
    return {search.prefix, search.rank, search.candidates};
}

template <typename Key>
Cut<Key> find_cut(const KeyReader<Key>& reader, int64_t count, int64_t k) {
    return find_cut_between(reader, count, k, Key(0), nan_key<Key>);
}

template Cut<Key32> find_cut(const KeyReader<Key32>&, int64_t, int64_t);
template Cut<Key64> find_cut(const KeyReader<Key64>&, int64_t, int64_t);
template Cut<Key32> find_cut_between(const KeyReader<Key32>&, int64_t, int64_t, Key32, Key32);
template Cut<Key64> find_cut_between(const KeyReader<Key64>&, int64_t, int64_t, Key64, Key64);

}  // namespace lacuna::kernels
