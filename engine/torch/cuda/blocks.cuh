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

    __device__ __host__ int64_t across() const { return (layout.columns + width - 1) / width; }
    __device__ __host__ int64_t down() const { return (layout.rows + height - 1) / height; }
    __device__ __host__ int64_t count() const { return across() * down(); }
};

/// One block's part of the matrix.
struct Area {
    int64_t top, bottom, left, right;

    __device__ Area(const Blocks& blocks, int64_t index) {
        top = index / blocks.across() * blocks.height;
        left = index % blocks.across() * blocks.width;
        bottom = top + blocks.height < blocks.layout.rows ? top + blocks.height : blocks.layout.rows;
        right = left + blocks.width < blocks.layout.columns ? left + blocks.width : blocks.layout.columns;
    }
    __device__ int64_t weights() const { return (bottom - top) * (right - left); }
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
};

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
    for (int64_t i = thread_index(); i < blocks.count(); i += thread_count()) {
        const Area area(blocks, i);
        typename Scores::Score sum = 0;
        for (int64_t r = area.top; r < area.bottom; ++r)
            for (int64_t c = area.left; c < area.right; ++c) sum += scores(blocks.layout.at(r, c));
        keys[i] = key_of(sum / typename Scores::Score(area.weights()));
    }
}

/// Bits of the `zeros` lowest of every `Group` consecutive weights, of equal ones the lower index; `Group` divides 8
/// and the rows. Bits up to a whole 64-bit word are written.
template <int Group, typename Scores>
__global__ void lowest_of_group(Scores scores, int64_t count, int zeros, uint8_t* lowest) {
    const int64_t bytes = (count + 63) / 64 * 8;
    for (int64_t i = thread_index(); i < bytes; i += thread_count()) {
        unsigned byte = 0;
        for (int first = 0; first < 8; first += Group) {
            if (i * 8 + first >= count) break;
            typename Scores::Key keys[Group];
            for (int j = 0; j < Group; ++j) keys[j] = key_of(scores(i * 8 + first + j));
            for (int j = 0; j < Group; ++j) {
                int lower = 0;
                for (int other = 0; other < Group; ++other)
                    lower += keys[other] < keys[j] || (keys[other] == keys[j] && other < j);
                byte |= unsigned(lower < zeros) << (first + j);
            }
        }
        lowest[i] = uint8_t(byte);
    }
}

/// Keys below `limit` in a block.
template <typename Scores>
__device__ int64_t count_below(const Scores& scores, const Layout& layout, const Area& area,
                               typename Scores::Key limit) {
    int64_t below = 0;
    for (int64_t r = area.top; r < area.bottom; ++r)
        for (int64_t c = area.left; c < area.right; ++c) below += key_of(scores(layout.at(r, c))) < limit;
    return below;
}

/// Sets the bits of the `zeros` lowest weights of every block, of equal ones the lower in the block's row-major order;
/// a smaller block at the edge loses as many, at most all. `lowest` is zero before.
template <typename Scores>
__global__ void lowest_of_block(Scores scores, Blocks blocks, int64_t zeros, uint32_t* lowest) {
    using Key = typename Scores::Key;
    for (int64_t i = thread_index(); i < blocks.count(); i += thread_count()) {
        const Area area(blocks, i);
        const int64_t wanted = zeros < area.weights() ? zeros : area.weights();
        if (wanted <= 0) continue;
        Key cut = 0;  // the largest key with fewer than `wanted` below it
        for (int bit = sizeof(Key) * 8 - 2; bit >= 0; --bit) {
            const Key trial = cut | Key(1) << bit;
            if (count_below(scores, blocks.layout, area, trial) < wanted) cut = trial;
        }
        int64_t ties = wanted - count_below(scores, blocks.layout, area, cut);
        for (int64_t r = area.top; r < area.bottom; ++r)
            for (int64_t c = area.left; c < area.right; ++c) {
                const int64_t at = blocks.layout.at(r, c);
                const Key key = key_of(scores(at));
                const bool taken = key < cut || (key == cut && ties-- > 0);
                if (taken) atomicOr(&lowest[at / 32], 1u << (at & 31));
            }
    }
}

/// A bit a block to a bit a weight, in the tensor's own order. Bits up to a whole 64-bit word are written.
static __global__ void expand(const uint8_t* taken, Blocks blocks, uint8_t* weights) {
    const Layout layout = blocks.layout;
    const int64_t count = layout.rows * layout.columns, bytes = (count + 63) / 64 * 8;
    for (int64_t i = thread_index(); i < bytes; i += thread_count()) {
        unsigned byte = 0;
        for (int j = 0; j < 8 && i * 8 + j < count; ++j) {
            const int64_t at = i * 8 + j, outer = at / (layout.columns * layout.inner);
            const int64_t row = outer * layout.inner + at % layout.inner;
            const int64_t column = at / layout.inner % layout.columns;
            const int64_t block = row / blocks.height * blocks.across() + column / blocks.width;
            byte |= unsigned(taken[block / 8] >> (block & 7) & 1) << j;
        }
        weights[i] = uint8_t(byte);
    }
}

/// kept = not (pruned and also), bits past `count` 0; `also` null: kept = not pruned.
static __global__ void keep_others(const uint32_t* pruned, const uint32_t* also, int64_t count, uint32_t* kept) {
    const int64_t words = (count + 63) / 64 * 2;
    for (int64_t i = thread_index(); i < words; i += thread_count()) {
        const int64_t left = count - i * 32;
        const uint32_t inside = left >= 32 ? ~0u : left <= 0 ? 0u : (1u << left) - 1;
        kept[i] = ~(also ? pruned[i] & also[i] : pruned[i]) & inside;
    }
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
