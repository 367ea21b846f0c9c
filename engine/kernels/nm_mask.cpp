#include "engine/kernels/nm_mask.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "engine/kernels/bits.h"
#include "engine/kernels/clones.h"

namespace lacuna::kernels {
namespace {

constexpr int64_t tile = 4096;  // keys looked at in one go: with what is found of them they fit the nearest cache

/// How many keys of its group go before key I. Without a loop inside, so that groups go through side by side.
template <size_t I, typename Key, size_t... J>
[[gnu::always_inline]] inline uint32_t rank_in_group(const Key* keys, std::index_sequence<J...>) {
    return ((J < I ? uint32_t(keys[J] <= keys[I]) : uint32_t(keys[J] < keys[I])) + ...);
}

/// Bits of a group's `zeros` lowest keys.
template <typename Key, size_t... I>
[[gnu::always_inline]] inline uint32_t lowest_of_group(const Key* keys, uint32_t zeros, std::index_sequence<I...> all) {
    return ((uint32_t(rank_in_group<I>(keys, all) < zeros) << I) | ...);
}

/// Whole words of groups of `Group`, a small divisor of 64.
template <int Group, typename Key>
[[gnu::always_inline]] inline void mark_whole(const Key* keys, int64_t words_count, int zeros, uint64_t* words) {
    constexpr int groups_a_word = 64 / Group;
    std::array<uint32_t, tile / Group> lowest;
    for (int64_t first = 0; first < words_count; first += tile / 64) {
        const int64_t here = std::min(tile / 64, words_count - first);
        for (int64_t group = 0; group < here * groups_a_word; ++group)
            lowest[size_t(group)] =
                lowest_of_group(keys + first * 64 + group * Group, uint32_t(zeros), std::make_index_sequence<Group>());
        for (int64_t i = 0; i < here; ++i) {
            uint64_t word = 0;
            for (int group = 0; group < groups_a_word; ++group)
                word |= uint64_t(lowest[size_t(i * groups_a_word + group)]) << (group * Group);
            words[first + i] = word;
        }
    }
}

/// Words that whole groups fill, for the groups that a runtime is likely to want; gives how many were done.
LACUNA_CLONES int64_t mark_usual(const Key32* keys, int64_t words_count, int64_t group, int zeros, uint64_t* words) {
    switch (group) {
        case 2:
            mark_whole<2>(keys, words_count, zeros, words);
            return words_count;
        case 4:
            mark_whole<4>(keys, words_count, zeros, words);
            return words_count;
        case 8:
            mark_whole<8>(keys, words_count, zeros, words);
            return words_count;
        default:
            return 0;
    }
}

template <typename Key>
void append_groups(const LowestOfBlocks<Key>& lowest, int64_t group, const Key* keys, int64_t count,
                   BitWriter& writer) {
    const int64_t words = lowest.words(), together = std::clamp<int64_t>(tile / group, 1, std::max<int64_t>(count, 1));
    std::vector<uint64_t> bits(static_cast<size_t>(together * words));
    for (int64_t first = 0; first < count; first += together) {
        const int64_t here = std::min(together, count - first);
        lowest.find(keys + first * group, {here * group, here, here}, bits.data());
        lowest.append_row(bits.data(), here, 0, writer);
    }
}

int64_t mark_usual(const Key64*, int64_t, int64_t, int, uint64_t*) {
    return 0;
}

}  // namespace

template <typename Key>
LowestOfGroups<Key>::LowestOfGroups(int64_t group, int64_t zeros)
    : group_(group), zeros_(zeros), lowest_(1, group, zeros) {}

template <typename Key>
void LowestOfGroups<Key>::mark(const Key* keys, int64_t count, uint64_t* words) const {
    const int64_t done = 64 * mark_usual(keys, count / 64, group_, int(std::min(zeros_, group_)), words);
    BitWriter writer(words + done / 64);
    const int64_t groups = (count - done) / group_, rest = (count - done) % group_;
    append_groups(lowest_, group_, keys + done, groups, writer);
    if (rest > 0) append_groups(LowestOfBlocks<Key>(1, rest, zeros_), rest, keys + done + groups * group_, 1, writer);
    writer.finish();
}

template class LowestOfGroups<Key32>;
template class LowestOfGroups<Key64>;

}  // namespace lacuna::kernels
