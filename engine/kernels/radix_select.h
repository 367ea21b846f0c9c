#pragma once

#include <cstdint>
#include <functional>

#include "engine/kernels/keys.h"

namespace lacuna::kernels {

/// Gives keys [begin, end): either where they lie, or written to `scratch`, which has room for them. Called from
/// several threads at once, for at most `keys_a_read` keys whose `begin` is a multiple of 64.
template <typename Key>
using KeyReader = std::function<const Key*(int64_t begin, int64_t end, Key* scratch)>;

inline constexpr int64_t keys_a_read = 4096;

/// Where a selection of the `k` lowest keys is cut.
template <typename Key>
struct Cut {
    Key key = 0;        ///< everything below it is selected
    int64_t equal = 0;  ///< how many of the keys equal to it are selected, the lowest indices
    int64_t ties = 0;   ///< how many keys equal it
};

/// The cut for the k lowest of `count` keys, 1 ≤ k ≤ count, by radix selection: a bounded number of passes.
template <typename Key>
Cut<Key> find_cut(const KeyReader<Key>& reader, int64_t count, int64_t k);

/// The same for keys that all lie in [low, high].
template <typename Key>
Cut<Key> find_cut_between(const KeyReader<Key>& reader, int64_t count, int64_t k, Key low, Key high);

/// Sets bit i of `words` to 1 for selected keys and 0 for the others; bits past the last key are 0.
template <typename Key>
void mark_below(const KeyReader<Key>& reader, int64_t count, const Cut<Key>& cut, uint64_t* words);

/// The k lowest of `count` keys as bits, of equal ones the lower index; 0 ≤ k ≤ count. Gives whether there was a
/// choice: equal keys of which some are selected and some are not. As a rule one pass: the cut is guessed from a
/// sample, and what lies near the guess is looked at again (Floyd and Rivest 1975).
template <typename Key>
bool select_lowest(const KeyReader<Key>& reader, int64_t count, int64_t k, uint64_t* words);

}  // namespace lacuna::kernels
