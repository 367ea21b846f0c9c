#include "engine/kernels/lowest_of_blocks.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <type_traits>

#include "engine/kernels/clones.h"
#include "engine/kernels/cut_of_few.h"
#include "engine/kernels/vectors.h"

namespace lacuna::kernels {
namespace {

constexpr int64_t most_in_lanes =
    64;  // keys of a block: its bits are a word, and trying finds a larger one's cut sooner

template <typename Key>
constexpr int64_t lanes = 64 / int64_t(sizeof(Key));

/// Keys that are looked at in one go: enough that what is stored is not read again at once, and that fit the nearest
/// cache twice.
constexpr int64_t keys_in_one_go = 2048;

/// One place of the blocks that share lanes.
template <typename Key>
struct alignas(64) Lanes {
    Key of[lanes<Key>];
};

template <typename Key>
struct Blocks {
    const Key* keys;
    int64_t rows, width, stride, across, zeros;
    std::span<const Exchange> network;

    int64_t size() const { return rows * width; }
    int64_t begin_of(int64_t block) const { return block / across * rows * stride + block % across * width; }
};

/// Turns four keys of each of four blocks, `apart` from one to the next. In vectors: a loop would move single keys.
template <typename Key>
[[gnu::always_inline]] inline void turn_four(const Key* keys, int64_t apart, int64_t lane, Lanes<Key>* to) {
    using Four = Vector<Key, 4>;
    Four in[4];
    for (int64_t i = 0; i < 4; ++i) load(keys + i * apart, in[i]);
    const Four low01 = __builtin_shufflevector(in[0], in[1], 0, 4, 1, 5);
    const Four low23 = __builtin_shufflevector(in[2], in[3], 0, 4, 1, 5);
    const Four high01 = __builtin_shufflevector(in[0], in[1], 2, 6, 3, 7);
    const Four high23 = __builtin_shufflevector(in[2], in[3], 2, 6, 3, 7);
    const Four out[4] = {
        __builtin_shufflevector(low01, low23, 0, 1, 4, 5), __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
        __builtin_shufflevector(high01, high23, 0, 1, 4, 5), __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
    for (int64_t i = 0; i < 4; ++i) store(out[i], to[i].of + lane);
}

/// Puts neighbours into the lanes, `keys` the first one's. Reads and writes up to three keys of a row more than there
/// are.
template <typename Key>
[[gnu::always_inline]] inline void load_neighbours(const Blocks<Key>& blocks, const Key* keys, Lanes<Key>* to) {
    for (int64_t row = 0; row < blocks.rows; ++row, keys += blocks.stride, to += blocks.width) {
        if (blocks.width == 1) {
            std::memcpy(to->of, keys, sizeof to->of);
            continue;
        }
        for (int64_t column = 0; column < blocks.width; column += 4)
            for (int64_t lane = 0; lane < lanes<Key>; lane += 4)
                turn_four(keys + lane * blocks.width + column, blocks.width, lane, to + column);
    }
}

/// Puts the blocks [first, end) into the lanes, the last one into those that are left too.
template <typename Key>
[[gnu::always_inline]] inline void load_each(const Blocks<Key>& blocks, int64_t first, int64_t end, Lanes<Key>* to) {
    for (int64_t lane = 0; lane < lanes<Key>; ++lane) {
        const Key* keys = blocks.keys + blocks.begin_of(std::min(first + lane, end - 1));
        for (int64_t row = 0; row < blocks.rows; ++row)
            for (int64_t column = 0; column < blocks.width; ++column)
                to[row * blocks.width + column].of[lane] = keys[row * blocks.stride + column];
    }
}

template <typename Key>
[[gnu::always_inline]] inline void load_lanes(const Blocks<Key>& blocks, int64_t first, int64_t end, Lanes<Key>* to) {
    const int64_t right = blocks.across - first % blocks.across - lanes<Key>;  // of them, in the same row of blocks
    if (right >= 0 && first + lanes<Key> <= end &&
        (blocks.width % 4 == 0 || blocks.width == 1 || right * blocks.width >= 3))
        load_neighbours(blocks, blocks.keys + blocks.begin_of(first), to);
    else
        load_each(blocks, first, end, to);
}

/// As signed numbers, which every processor compares.
template <typename Key>
[[gnu::always_inline]] inline void exchange(Lanes<Key>& first, Lanes<Key>& second) {
    using Signed = std::make_signed_t<Key>;
    const Lanes<Key> a = first, b = second;
    for (int64_t i = 0; i < lanes<Key>; ++i) first.of[i] = Key(std::min(Signed(a.of[i]), Signed(b.of[i])));
    for (int64_t i = 0; i < lanes<Key>; ++i) second.of[i] = Key(std::max(Signed(a.of[i]), Signed(b.of[i])));
}

/// words[lane] = bits of the lane's keys that lie below cut + `beyond`. No key has the highest bit: in the difference
/// it tells which is less, where a comparison of vectors is not there on every processor.
template <typename Key>
[[gnu::always_inline]] inline void mark_below(const Lanes<Key>* keys, int64_t size, const Lanes<Key>& cut, Key beyond,
                                              uint64_t* words) {
    constexpr int64_t bits = 8 * int64_t(sizeof(Key)), half = lanes<Key> / 2;
    Vector<Key, half> end[2], key;
    for (int64_t h = 0; h < 2; ++h) {
        load(cut.of + h * half, end[h]);
        end[h] += beyond;
    }
    for (int64_t first = 0; first < size; first += bits) {
        const int64_t last = std::min(size, first + bits);
        Vector<Key, half> marked[2] = {};
        for (int64_t i = first; i < last; ++i)
            for (int64_t h = 0; h < 2; ++h) {
                load(keys[i].of + h * half, key);
                marked[h] = marked[h] >> 1 | ((key - end[h]) & Key(1) << (bits - 1));
            }
        Lanes<Key> found;
        for (int64_t h = 0; h < 2; ++h) store(marked[h], found.of + h * half);
        for (int64_t lane = 0; lane < lanes<Key>; ++lane)
            words[lane] = (first > 0 ? words[lane] : 0) | uint64_t(found.of[lane] >> (bits - (last - first))) << first;
    }
}

/// The lowest `count` ones of `bits`.
[[gnu::always_inline]] inline uint64_t lowest_ones(uint64_t bits, int64_t count) {
    uint64_t others = bits;
    for (; count > 0; --count) others &= others - 1;
    return bits ^ others;
}

/// Marks the keys of `count` blocks up to each one's cut; where that is too many, not all that equal it.
template <typename Key>
[[gnu::always_inline]] inline void mark(const Blocks<Key>& blocks, const Lanes<Key>* keys, const Lanes<Key>& cut,
                                        int64_t count, uint64_t* bits, uint8_t* choices) {
    uint64_t up_to_cut[lanes<Key>], below[lanes<Key>];
    mark_below(keys, blocks.size(), cut, Key(1), up_to_cut);
    bool any_choice = false;
    for (int64_t lane = 0; lane < count; ++lane) {
        const bool choice = std::popcount(up_to_cut[lane]) != int(blocks.zeros);
        any_choice |= choice;
        if (choices) choices[lane] = choice;
        bits[lane] = up_to_cut[lane];
    }
    if (!any_choice) return;
    mark_below(keys, blocks.size(), cut, Key(0), below);
    for (int64_t lane = 0; lane < count; ++lane)
        bits[lane] =
            below[lane] | lowest_ones(up_to_cut[lane] & ~below[lane], blocks.zeros - std::popcount(below[lane]));
}

/// Step by step for some lanes' blocks at once: what one step stores is not read again at once, and no exchange waits
/// for the one before it.
template <typename Key>
[[gnu::always_inline]] inline void find_any(const Blocks<Key>& blocks, int64_t count, uint64_t* bits,
                                            uint8_t* choices) {
    constexpr int64_t most = std::max(most_in_lanes, keys_in_one_go / lanes<Key>);
    Lanes<Key> keys[most + 3], sorted[most];
    const int64_t size = blocks.size(), together = std::max<int64_t>(1, keys_in_one_go / (size * lanes<Key>));
    for (int64_t begin = 0; begin < count; begin += together * lanes<Key>) {
        const int64_t end = std::min(count, begin + together * lanes<Key>),
                      places = (end - begin + lanes<Key> - 1) / lanes<Key> * size;
        for (int64_t first = begin, at = 0; at < places; first += lanes<Key>, at += size)
            load_lanes(blocks, first, end, keys + at);
        std::memcpy(sorted, keys, size_t(places) * sizeof(Lanes<Key>));
        for (const Exchange& pair : blocks.network)
            for (int64_t at = 0; at < places; at += size) exchange(sorted[at + pair.first], sorted[at + pair.second]);
        for (int64_t first = begin, at = 0; at < places; first += lanes<Key>, at += size)
            mark(blocks, keys + at, sorted[at + blocks.zeros - 1], std::min(lanes<Key>, end - first), bits + first,
                 choices ? choices + first : nullptr);
    }
}

LACUNA_CLONES void find_small(const Blocks<Key32>& blocks, int64_t count, uint64_t* bits, uint8_t* choices) {
    find_any(blocks, count, bits, choices);
}

LACUNA_CLONES void find_small(const Blocks<Key64>& blocks, int64_t count, uint64_t* bits, uint8_t* choices) {
    find_any(blocks, count, bits, choices);
}

/// Appends bits [first, first + width) of each word, some together if they fit a word.
LACUNA_CLONES void append_narrow(const uint64_t* bits, int64_t count, int64_t first, int64_t width, BitWriter& writer) {
    constexpr int64_t together = 4;
    const uint64_t all = low_bits(width);
    BitWriter out = writer;  // which the compiler can keep in registers
    int64_t i = 0;
    if (width <= 64 / together)
        for (; i + together <= count; i += together) {
            uint64_t some = 0;
            for (int64_t j = 0; j < together; ++j) some |= (bits[i + j] >> first & all) << j * width;
            out.append(some, together * width);
        }
    for (; i < count; ++i) out.append(bits[i] >> first & all, width);
    writer = out;
}

/// The bits of one block whose keys lie behind one another; gives whether equal keys had to be chosen among.
template <typename Key>
bool find_large(const Key* keys, int64_t size, int64_t zeros, uint64_t* bits) {
    if (size > few_keys) {
        const KeyReader<Key> reader = [keys](int64_t begin, int64_t, Key*) { return keys + begin; };
        return select_lowest(reader, size, zeros, bits);
    }
    std::vector<uint8_t> flags(static_cast<size_t>(size));
    const Cut<Key> cut = cut_of_few(keys, size, zeros);
    flag_below(keys, size, cut, flags.data());
    for (int64_t i = 0; i < size; i += 64) bits[i / 64] = pack(flags.data() + i, std::min<int64_t>(64, size - i));
    return cut.equal != cut.ties;
}

}  // namespace

template <typename Key>
LowestOfBlocks<Key>::LowestOfBlocks(int64_t rows, int64_t width, int64_t zeros)
    : rows_(rows), width_(width), zeros_(std::clamp<int64_t>(zeros, 0, rows * width)) {
    if (size() <= most_in_lanes && zeros_ > 0) network_ = selection_network(size(), zeros_);
}

template <typename Key>
void LowestOfBlocks<Key>::find(const Key* keys, Grid grid, uint64_t* bits, uint8_t* choices) const {
    if (zeros_ == 0 || zeros_ == size()) return fill(grid.count, bits, choices);
    if (rows_ == 1 && grid.across * width_ == grid.stride) grid.across = grid.count;  // one run of blocks
    const Blocks<Key> blocks{keys, rows_, width_, grid.stride, std::max<int64_t>(grid.across, 1), zeros_, network_};
    if (size() <= most_in_lanes) return find_small(blocks, grid.count, bits, choices);
    std::vector<Key> gathered(static_cast<size_t>(rows_ > 1 ? size() : 0));
    for (int64_t block = 0; block < grid.count; ++block, bits += words()) {
        const Key* from = keys + blocks.begin_of(block);
        for (int64_t row = 0; row < rows_ && rows_ > 1; ++row)
            std::copy_n(from + row * grid.stride, width_, gathered.data() + row * width_);
        const bool chosen = find_large(rows_ > 1 ? gathered.data() : from, size(), zeros_, bits);
        if (choices) choices[block] = chosen;
    }
}

/// All keys or none.
template <typename Key>
void LowestOfBlocks<Key>::fill(int64_t count, uint64_t* bits, uint8_t* choices) const {
    std::fill_n(bits, count * words(), uint64_t(0));
    if (choices) std::fill_n(choices, count, uint8_t(0));
    if (zeros_ > 0)
        for (int64_t block = 0; block < count; ++block) fill_bits(bits + block * words(), 0, size(), true);
}

template <typename Key>
void LowestOfBlocks<Key>::append_row(const uint64_t* bits, int64_t count, int64_t row, BitWriter& writer) const {
    const int64_t first = row * width_;
    if (words() == 1) return append_narrow(bits, count, first, width_, writer);
    for (int64_t block = 0; block < count; ++block) writer.append_bits(bits + block * words(), first, width_);
}

template class LowestOfBlocks<Key32>;
template class LowestOfBlocks<Key64>;

}  // namespace lacuna::kernels
