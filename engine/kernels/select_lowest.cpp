#include <algorithm>
#include <memory>

#include "engine/base/parallel.h"
#include "engine/kernels/bits.h"
#include "engine/kernels/bracket.h"
#include "engine/kernels/cut_of_few.h"
#include "engine/kernels/key_runs.h"

namespace lacuna::kernels {
namespace {

template <typename Key>
std::vector<Key> keys_inside(const Scan<Key>& scan) {
    std::vector<Key> keys;
    keys.reserve(size_t(scan.inside_count()));
    for (const Inside<Key>& chunk : scan.inside) keys.insert(keys.end(), chunk.keys.begin(), chunk.keys.end());
    return keys;
}

template <typename Key>
bool chooses(const Cut<Key>& cut) {
    return cut.equal != cut.ties;
}

/// Sets the bits of the `rank` lowest keys inside, of equal ones the lower index; gives whether it had to choose.
template <typename Key>
bool mark_inside(const Scan<Key>& scan, Bracket<Key> bracket, int64_t rank, uint64_t* words) {
    const std::vector<Key> keys = keys_inside(scan);
    const KeyReader<Key> reader = [&](int64_t begin, int64_t, Key*) { return keys.data() + begin; };
    const Cut<Key> cut = find_cut_between(reader, int64_t(keys.size()), rank, bracket.low, bracket.high);
    std::vector<int64_t> share(scan.inside.size());  // of the equal keys that each chunk marks
    int64_t left = cut.equal;
    for (size_t chunk = 0; chunk < share.size() && left > 0; ++chunk) {
        const auto& found = scan.inside[chunk].keys;
        left -= share[chunk] = std::min<int64_t>(left, std::count(found.begin(), found.end(), cut.key));
    }
    parallel_for(int64_t(share.size()), 1, [&](int64_t begin, int64_t) {
        const Inside<Key>& inside = scan.inside[size_t(begin)];
        uint64_t* out = words + begin * (chunk_keys / 64);
        int64_t equal = share[size_t(begin)];
        for (size_t i = 0; i < inside.keys.size(); ++i) {
            const bool tie = inside.keys[i] == cut.key && equal > 0;
            equal -= tie;
            out[inside.places[i] >> 6] |= uint64_t(tie || inside.keys[i] < cut.key) << (inside.places[i] & 63);
        }
    });
    return chooses(cut);
}

template <typename Key>
bool mark_cut(const KeyReader<Key>& reader, int64_t count, const Cut<Key>& cut, uint64_t* words) {
    mark_below(reader, count, cut, words);
    return chooses(cut);
}

/// Selects by one pass about a guessed cut, and by more where the cut lies in a crowd of equal keys or outside the
/// guess.
template <typename Key>
bool select_by_guess(const KeyReader<Key>& reader, int64_t count, int64_t k, Bracket<Key> bracket, uint64_t* words) {
    const auto scan = scan_bracket(reader, count, bracket, words);
    if (!scan || k <= scan->below) return mark_cut(reader, count, find_cut(reader, count, k), words);
    int64_t rank = k - scan->below;
    if (rank < scan->at_low) return mark_cut(reader, count, {bracket.low, rank, scan->at_low}, words);
    if (rank -= scan->at_low; rank == 0) return false;
    if (rank <= scan->inside_count()) return mark_inside(*scan, bracket, rank, words);
    rank -= scan->inside_count();
    if (rank <= scan->at_high) return mark_cut(reader, count, {bracket.high, rank, scan->at_high}, words);
    return mark_cut(reader, count, find_cut(reader, count, k), words);
}

/// Selects among so few keys that they are worth a copy.
template <typename Key>
bool select_few(const KeyReader<Key>& reader, int64_t count, int64_t k, uint64_t* words) {
    const auto room = std::make_unique_for_overwrite<Key[]>(size_t(count));
    Key* const keys = room.get();
    for (int64_t begin = 0; begin < count; begin += keys_a_read) {
        const int64_t end = std::min(count, begin + keys_a_read);
        if (const Key* found = reader(begin, end, keys + begin); found != keys + begin)
            std::copy_n(found, end - begin, keys + begin);
    }
    const KeyReader<Key> copied = [keys](int64_t begin, int64_t, Key*) { return keys + begin; };
    return mark_cut(copied, count, cut_of_few(keys, count, k), words);
}

}  // namespace

template <typename Key>
bool select_lowest(const KeyReader<Key>& reader, int64_t count, int64_t k, uint64_t* words) {
    if (k <= 0 || k >= count) {
        std::fill_n(words, (count + 63) / 64, uint64_t(0));
        if (k > 0) fill_bits(words, 0, count, true);
        return false;
    }
    if (count <= few_keys) return select_few(reader, count, k, words);
    const auto bracket = guess_bracket(reader, count, k);
    return bracket ? select_by_guess(reader, count, k, *bracket, words)
                   : mark_cut(reader, count, find_cut(reader, count, k), words);
}

template bool select_lowest(const KeyReader<Key32>&, int64_t, int64_t, uint64_t*);
template bool select_lowest(const KeyReader<Key64>&, int64_t, int64_t, uint64_t*);

}  // namespace lacuna::kernels
