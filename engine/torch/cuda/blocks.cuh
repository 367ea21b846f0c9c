#pragma once

#include "engine/torch/cuda/keys.cuh"

namespace lacuna::cuda {

/// A tensor as the matrix that blocks run over. `inner` 1: row after row. More: a convolution seen with its input
/// channels last, whose element (r, c) lies at (r / inner, c, r % inner) of the tensor.
struct Layout {
    int64_t rows, columns, inner;

    __device__ int64_t at(int64_t row, int64_t column) const {
        return row / inner * columns * inner + column * inner + row % inner;
    }
};

/// Blocks of `height` × `width` over a matrix; those at the edges may be smaller.
struct Blocks {
    Layout layout;
    int64_t height, width;
    int64_t across, down;  ///< how many

    int64_t count() const { return across * down; }
    bool in_rows() const { return layout.inner == 1 && height == 1 && layout.columns % width == 0; }
};

/// One block's part of the matrix.
struct Area {
    int64_t top, bottom, left, right;

    __device__ Area(const Blocks& blocks, int64_t index) {
        const int64_t down = index / blocks.across;
        top = down * blocks.height;
        left = (index - down * blocks.across) * blocks.width;
        bottom = top + blocks.height < blocks.layout.rows ? top + blocks.height : blocks.layout.rows;
        right = left + blocks.width < blocks.layout.columns ? left + blocks.width : blocks.layout.columns;
    }
    __device__ int64_t weights() const { return (bottom - top) * (right - left); }

    /// Calls `visit` with the place of each weight in the tensor, row after row.
    template <typename Visit>
    __device__ void visit(const Layout& layout, const Visit& visit) const {
        for (int64_t r = top; r < bottom; ++r) {
            int64_t at = layout.at(r, left);
            for (int64_t c = left; c < right; ++c, at += layout.inner) visit(at);
        }
    }
};

/// A tensor's weights with the mask so far, weight by weight.
template <typename Weight, bool Squared>
struct Scored {
    using Score = decltype(value(Weight{}));
    using Key = decltype(key_of(Score{}));

    const Weight* weights;
    const uint8_t* current;  ///< as in WeightKeys

    __device__ Score operator()(int64_t i) const {
        if (current && !(current[i / 8] >> (i & 7) & 1)) return 0;
        return score<Squared>(weights[i]);
    }
    /// Eight scores from weight `first` on, a multiple of 8; those past `count` mean nothing.
    __device__ void read(int64_t first, int count, bool aligned, Score* scores) const {
        Weight eight[8];
        read_eight(weights + first, count, aligned, eight);
        const unsigned kept = current ? current[first / 8] : 0xffu;
        for (int i = 0; i < 8; ++i) scores[i] = kept >> i & 1 ? score<Squared>(eight[i]) : Score(0);
    }
};

/// The same as `/`; most numbers have 32 bits, whose division is several times quicker.
__device__ inline int64_t quotient(int64_t a, int64_t b) {
    return uint64_t(a | b) >> 32 ? a / b : int64_t(uint32_t(a) / uint32_t(b));
}

__device__ inline int64_t thread_index() {
    return int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline int64_t thread_count() {
    return int64_t(gridDim.x) * blockDim.x;
}

/// The key of each block's mean score: a sequential row-major sum, divided once by the block's real number of weights
/// (docs/parity.md, scores and ties).
template <typename Scores>
__global__ void mean_keys(Scores scores, Blocks blocks, typename Scores::Key* keys) {
    const int64_t count = blocks.across * blocks.down;
    for (int64_t i = thread_index(); i < count; i += thread_count()) {
        const Area area(blocks, i);
        typename Scores::Score sum = 0;
        area.visit(blocks.layout, [&](int64_t at) { sum += scores(at); });
        keys[i] = key_of(sum / typename Scores::Score(area.weights()));
    }
}

/// The same where every `Group` consecutive weights are a block; `Group` divides 8.
template <int Group, typename Scores>
__global__ void group_mean_keys(Scores scores, int64_t count, bool aligned, typename Scores::Key* keys) {
    for (int64_t i = thread_index() * 8; i < count; i += thread_count() * 8) {
        typename Scores::Score eight[8];
        const int here = count - i < 8 ? int(count - i) : 8;
        scores.read(i, here, aligned, eight);
        for (int first = 0; first < 8; first += Group) {
            if (first >= here) continue;
            typename Scores::Score sum = 0;
            for (int j = 0; j < Group; ++j) sum += eight[first + j];
            keys[(i + first) / Group] = key_of(sum / typename Scores::Score(Group));
        }
    }
}

/// Keeps all but the `zeros` lowest of every `Group` consecutive weights, of equal ones the higher index; `Group`
/// divides 8 and the rows. Bits up to a whole 64-bit word are written.
template <int Group, typename Source>
__global__ void keep_in_groups(Source source, int64_t count, int zeros, uint8_t* kept) {
    const int64_t bytes = (count + 63) / 64 * 8;
    for (int64_t i = thread_index(); i < bytes; i += thread_count()) {
        const int here = count - i * 8 < 8 ? (count > i * 8 ? int(count - i * 8) : 0) : 8;
        typename Source::Key keys[8];
        source.read(i * 8, here, keys);
        unsigned byte = 0;
        for (int first = 0; first < 8; first += Group) {
            int lower[Group] = {};  // how many of the group rank below each
            for (int j = 1; j < Group; ++j)
                for (int before = 0; before < j; ++before) {
                    const int second = keys[first + before] <= keys[first + j];
                    lower[j] += second;
                    lower[before] += 1 - second;
                }
            for (int j = 0; j < Group; ++j) byte |= unsigned(lower[j] >= zeros && first + j < here) << (first + j);
        }
        kept[i] = uint8_t(byte);
    }
}

/// Clears the bits of the `zeros` lowest weights of every block, of equal ones the lower in the block's row-major
/// order; a smaller block at the edge loses as many, at most all. All are set before.
template <typename Scores>
__global__ void drop_in_blocks(Scores scores, Blocks blocks, int64_t zeros, uint32_t* kept) {
    using Key = typename Scores::Key;
    const int64_t count = blocks.across * blocks.down;
    for (int64_t i = thread_index(); i < count; i += thread_count()) {
        const Area area(blocks, i);
        const int64_t wanted = zeros < area.weights() ? zeros : area.weights();
        if (wanted <= 0) continue;
        const auto below = [&](Key limit) {
            int64_t keys = 0;
            area.visit(blocks.layout, [&](int64_t at) { keys += key_of(scores(at)) < limit; });
            return keys;
        };
        Key cut = 0;  // the largest key with fewer than `wanted` below it
        for (int bit = sizeof(Key) * 8 - 2; bit >= 0; --bit) {
            const Key trial = cut | Key(1) << bit;
            if (below(trial) < wanted) cut = trial;
        }
        int64_t ties = wanted - below(cut);
        area.visit(blocks.layout, [&](int64_t at) {
            const Key key = key_of(scores(at));
            if (key < cut || (key == cut && ties-- > 0)) atomicAnd(&kept[at / 32], ~(1u << (at & 31)));
        });
    }
}

/// A bit a block to a bit a weight, where blocks of consecutive weights lie one behind the other: the weight's block is
/// its index divided by `width`. Bits up to a whole 64-bit word are written.
static __global__ void expand_runs(const uint8_t* blocks, int64_t width, int64_t count, uint64_t* weights) {
    for (int64_t i = thread_index(); i < (count + 63) / 64; i += thread_count()) {
        const int here = count - i * 64 < 64 ? int(count - i * 64) : 64;
        int64_t block = i * 64 / width, left = (block + 1) * width - i * 64;
        uint64_t word = 0;
        for (int done = 0; done < here; ++block, left = width) {
            const int run = left < here - done ? int(left) : here - done;
            const uint64_t ones = run == 64 ? ~uint64_t(0) : (uint64_t(1) << run) - 1;
            if (blocks[block / 8] >> (block & 7) & 1) word |= ones << done;
            done += run;
        }
        weights[i] = word;
    }
}

/// A bit a block to a bit a weight for blocks that lie anyhow, in the tensor's own order. Bits up to a whole 64-bit
/// word are written.
static __global__ void expand(const uint8_t* taken, Blocks blocks, uint64_t* weights) {
    const Layout layout = blocks.layout;
    const int64_t count = layout.rows * layout.columns;
    for (int64_t i = thread_index(); i < (count + 63) / 64; i += thread_count()) {
        const int here = count - i * 64 < 64 ? int(count - i * 64) : 64;
        int64_t column = i * 64 / layout.inner, inner = i * 64 - column * layout.inner;
        int64_t outer = column / layout.columns;
        column -= outer * layout.columns;
        uint64_t word = 0;
        for (int j = 0; j < here; ++j) {
            const int64_t row = outer * layout.inner + inner;
            const int64_t block = quotient(row, blocks.height) * blocks.across + quotient(column, blocks.width);
            word |= uint64_t(taken[block / 8] >> (block & 7) & 1) << j;
            if (++inner < layout.inner) continue;
            inner = 0;
            if (++column < layout.columns) continue;
            column = 0;
            ++outer;
        }
        weights[i] = word;
    }
}

/// Sets the bits of `count` weights and clears those behind, up to a whole 64-bit word.
static __global__ void keep_all(int64_t count, uint64_t* kept) {
    for (int64_t i = thread_index(); i < (count + 63) / 64; i += thread_count())
        kept[i] = count - i * 64 < 64 ? (uint64_t(1) << (count - i * 64)) - 1 : ~uint64_t(0);
}

/// Adds the bits of `others` to `kept`.
static __global__ void keep_others(const uint64_t* others, int64_t words, uint64_t* kept) {
    for (int64_t i = thread_index(); i < words; i += thread_count()) kept[i] |= others[i];
}

/// Copies weights of one size, pruned ones as zero bytes; `out` may be `in`.
template <typename Bits>
__global__ void apply(const Bits* in, const uint8_t* kept, int64_t count, bool aligned, Bits* out) {
    for (int64_t i = thread_index() * 8; i < count; i += thread_count() * 8) {
        Bits eight[8];
        const int here = count - i < 8 ? int(count - i) : 8;
        read_eight(in + i, here, aligned, eight);
        const unsigned byte = kept[i / 8];
        for (int j = 0; j < 8; ++j)
            if (!(byte >> j & 1)) eight[j] = Bits{};
        write_eight(eight, here, aligned, out + i);
    }
}

/// Adds the number of ones to `total`.
static __global__ void count_ones(const uint32_t* words, int64_t count, unsigned long long* total) {
    __shared__ unsigned block;
    if (threadIdx.x == 0) block = 0;
    __syncthreads();
    unsigned mine = 0;
    for (int64_t i = thread_index(); i < count; i += thread_count()) mine += unsigned(__popc(words[i]));
    atomicAdd(&block, mine);
    __syncthreads();
    if (threadIdx.x == 0) atomicAdd(total, static_cast<unsigned long long>(block));
}

}  // namespace lacuna::cuda
