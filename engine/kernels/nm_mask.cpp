#include "engine/kernels/nm_mask.h"

#include <algorithm>
#include <vector>

#include "engine/kernels/bits.h"
#include "engine/kernels/clones.h"
#include "engine/kernels/lowest_of_few.h"

namespace lacuna::kernels {
namespace {

/// Whole words of groups of `Group`, a divisor of 64: how many of its group go before a key decides, without a branch.
template <int Group, typename Key>
[[gnu::always_inline]] inline void mark_whole(const Key* keys, int64_t words_count, int zeros, uint64_t* words) {
    alignas(64) uint8_t flags[64];
    for (int64_t word = 0; word < words_count; ++word, keys += 64) {
        for (int first = 0; first < 64; first += Group) {
            for (int i = 0; i < Group; ++i) {
                int before = 0;
                for (int j = 0; j < Group; ++j)
                    if (j != i)
                        before += j < i ? keys[first + j] <= keys[first + i] : keys[first + j] < keys[first + i];
                flags[first + i] = before < zeros;
            }
        }
        words[word] = pack64(flags);
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
        case 16:
            mark_whole<16>(keys, words_count, zeros, words);
            return words_count;
        default:
            return 0;
    }
}

template <typename Key>
void mark_any(const Key* keys, int64_t count, int64_t group, int64_t zeros, uint64_t* words) {
    std::vector<uint8_t> flags(static_cast<size_t>(group));
    LowestOfFew<Key> lowest;
    BitWriter writer(words);
    for (int64_t first = 0; first < count; first += group) {
        const int64_t here = std::min(group, count - first);
        lowest.flag(keys + first, here, zeros, flags.data());
        for (int64_t i = 0; i < here; i += 64)
            writer.append(pack(flags.data() + i, std::min<int64_t>(64, here - i)), std::min<int64_t>(64, here - i));
    }
    writer.finish();
}

}  // namespace

void mark_groups(const Key32* keys, int64_t count, int64_t group, int64_t zeros, uint64_t* words) {
    const int64_t done = 64 * mark_usual(keys, count / 64, group, int(std::min(zeros, group)), words);
    if (done < count) mark_any(keys + done, count - done, group, zeros, words + done / 64);
}

void mark_groups(const Key64* keys, int64_t count, int64_t group, int64_t zeros, uint64_t* words) {
    mark_any(keys, count, group, zeros, words);
}

}  // namespace lacuna::kernels
