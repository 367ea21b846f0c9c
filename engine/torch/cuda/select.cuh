#pragma once

#include "engine/torch/cuda/keys.cuh"

namespace lacuna::cuda {

using Count = unsigned long long;

/// Where a selection of the lowest keys is cut, while it is found digit by digit and afterwards.
struct Cut {
    Count key;        ///< the digits found so far, the lower ones 0
    Count remaining;  ///< how many of the keys with these digits are selected, the lowest first
    Count ties;       ///< how many keys have these digits
};

inline constexpr int tile_threads = 256;
inline constexpr int64_t tile_keys = tile_threads * 8;  ///< a thread ranks eight keys and writes their bits as a byte

/// Only some of the keys that equal the cut are selected.
__device__ inline bool splits_ties(const Cut& cut) {
    return cut.remaining < cut.ties;
}

/// Adds how often each value of the keys' highest digit occurs to `bins`. The block's memory holds 2^bits counters.
template <typename Source>
__global__ void count_first_digit(Source source, int64_t count, int bits, Count* bins) {
    uint32_t* const mine = launch_memory<uint32_t>();
    const int shift = Source::bits - bits;
    for (int i = int(threadIdx.x); i < 1 << bits; i += int(blockDim.x)) mine[i] = 0;
    __syncthreads();
    const int64_t stride = int64_t(gridDim.x) * blockDim.x * 8;
    for (int64_t i = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * 8; i < count; i += stride) {
        typename Source::Key keys[8];
        const int here = count - i < 8 ? int(count - i) : 8;
        source.read(i, here, keys);
        for (int j = 0; j < 8; ++j)
            if (j < here) atomicAdd(&mine[keys[j] >> shift], 1u);
    }
    __syncthreads();
    for (int i = int(threadIdx.x); i < 1 << bits; i += int(blockDim.x))
        if (mine[i]) atomicAdd(&bins[i], Count(mine[i]));
}

/// The same for a lower digit, of the keys whose higher digits are the cut's: few, unless many keys are alike, so a
/// thread adds equal neighbours up before it writes.
template <typename Source>
__global__ void count_next_digit(Source source, int64_t count, int shift, int bits, const Cut* cut, Count* bins) {
    const Count higher = cut->key >> (shift + bits);
    const int64_t stride = int64_t(gridDim.x) * blockDim.x * 8;
    for (int64_t i = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * 8; i < count; i += stride) {
        typename Source::Key keys[8];
        const int here = count - i < 8 ? int(count - i) : 8;
        source.read(i, here, keys);
        unsigned digit = 0, run = 0;
        for (int j = 0; j < 8; ++j) {
            if (j >= here || Count(keys[j]) >> (shift + bits) != higher) continue;
            const auto next = unsigned(Count(keys[j]) >> shift & ((1u << bits) - 1));
            if (run && next != digit) {
                atomicAdd(&bins[digit], Count(run));
                run = 0;
            }
            digit = next;
            ++run;
        }
        if (run) atomicAdd(&bins[digit], Count(run));
    }
}

/// Replaces every thread's `sums[threadIdx.x]` by the sum of those up to and including its own. One block.
template <typename Sum>
__device__ void sum_up(Sum* sums) {
    for (unsigned reach = 1; reach < blockDim.x; reach *= 2) {
        __syncthreads();
        const Sum before = threadIdx.x >= reach ? sums[threadIdx.x - reach] : Sum(0);
        __syncthreads();
        sums[threadIdx.x] += before;
    }
    __syncthreads();
}

inline constexpr int scan_threads = 1024;

/// Puts the digit at which `cut->remaining` keys are reached into the cut. One block of `scan_threads`.
static __global__ void find_digit(const Count* bins, int shift, int bits, Cut* cut) {
    __shared__ Count sums[scan_threads];
    const Count wanted = cut->remaining;
    const int size = 1 << bits, each = (size + scan_threads - 1) / scan_threads;
    const int first = int(threadIdx.x) * each, last = first + each < size ? first + each : size;
    Count mine = 0;
    for (int i = first; i < last; ++i) mine += bins[i];
    sums[threadIdx.x] = mine;
    sum_up(sums);
    Count before = sums[threadIdx.x] - mine;
    if (before >= wanted || wanted > before + mine) return;
    int digit = first;
    for (; before + bins[digit] < wanted; ++digit) before += bins[digit];
    cut->key |= Count(digit) << shift;
    cut->remaining = wanted - before;
    cut->ties = bins[digit];
}

/// Writes a bit for each of the keys, tile by tile: 1 below the cut, and at the cut where all ties are selected. Where
/// only some are, `equal` gets the ties' bits and `tile_ties` their number for each tile. Bits up to a whole 64-bit
/// word are written.
template <typename Source>
__global__ void mark_below(Source source, int64_t count, const Cut* found, uint8_t* below, uint8_t* equal,
                           uint32_t* tile_ties) {
    __shared__ uint32_t ties;
    const Cut cut = *found;
    const bool split = splits_ties(cut);
    const int64_t padded = (count + 63) / 64 * 64;
    for (int64_t tile = blockIdx.x; tile * tile_keys < padded; tile += gridDim.x) {
        if (threadIdx.x == 0) ties = 0;
        __syncthreads();
        const int64_t i = tile * tile_keys + int64_t(threadIdx.x) * 8;
        if (i < padded) {
            typename Source::Key keys[8];
            const int here = count - i < 8 ? (count > i ? int(count - i) : 0) : 8;
            source.read(i, here, keys);
            unsigned lower = 0, same = 0;
            for (int j = 0; j < 8; ++j) {
                if (j >= here) continue;
                lower |= unsigned(Count(keys[j]) < cut.key) << j;
                same |= unsigned(Count(keys[j]) == cut.key) << j;
            }
            below[i / 8] = uint8_t(split ? lower : lower | same);
            if (split) {
                equal[i / 8] = uint8_t(same);
                if (same) atomicAdd(&ties, uint32_t(__popc(same)));
            }
        }
        __syncthreads();
        if (threadIdx.x == 0 && split) tile_ties[tile] = ties;
        __syncthreads();
    }
}

/// How many ties lie before each tile. One block of `scan_threads`.
static __global__ void count_ties_before(const Cut* cut, const uint32_t* tile_ties, int64_t tiles, Count* before) {
    __shared__ Count sums[scan_threads];
    if (!splits_ties(*cut)) return;
    const int64_t each = (tiles + scan_threads - 1) / scan_threads;
    const int64_t first = threadIdx.x * each, last = first + each < tiles ? first + each : tiles;
    Count mine = 0;
    for (int64_t i = first; i < last; ++i) mine += tile_ties[i];
    sums[threadIdx.x] = mine;
    sum_up(sums);
    Count sum = sums[threadIdx.x] - mine;
    for (int64_t i = first; i < last; ++i) {
        before[i] = sum;
        sum += tile_ties[i];
    }
}

/// Adds the selected ties to `below`: those with the lowest indices.
static __global__ void select_ties(const Cut* found, const uint8_t* equal, const Count* before, int64_t count,
                                   uint8_t* below) {
    __shared__ uint32_t sums[tile_threads];
    const Cut cut = *found;
    if (!splits_ties(cut)) return;
    for (int64_t tile = blockIdx.x; tile * tile_keys < count; tile += gridDim.x) {
        if (before[tile] >= cut.remaining) return;  // later tiles lie behind more ties
        const int64_t i = tile * tile_keys + int64_t(threadIdx.x) * 8;
        unsigned same = i < count ? equal[i / 8] : 0;
        sums[threadIdx.x] = uint32_t(__popc(same));
        sum_up(sums);
        const Count rank = before[tile] + sums[threadIdx.x] - uint32_t(__popc(same));
        const Count room = rank < cut.remaining ? cut.remaining - rank : 0;
        for (unsigned bit = 0x80; Count(__popc(same)) > room; bit >>= 1) same &= ~bit;
        if (same) below[i / 8] |= uint8_t(same);
        __syncthreads();
    }
}

}  // namespace lacuna::cuda
