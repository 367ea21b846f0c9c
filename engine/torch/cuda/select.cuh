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

inline constexpr int scan_threads = 1024;
inline constexpr int most_digit_bits = 16;

/// How often each value of a digit occurs, and the same for groups of neighbouring values, at most `scan_threads` of
/// them: so one block of threads finds a place in the sum of them all with two short reads.
struct Bins {
    Count* values;
    Count* groups;
    int bits;  ///< of the digit

    static constexpr int64_t memory = (int64_t(1) << most_digit_bits) + scan_threads;

    __device__ int each() const { return 1 << bits < scan_threads ? 1 : (1 << bits) / scan_threads; }
    __device__ void add(unsigned digit, Count count) const {
        atomicAdd(&values[digit], count);
        atomicAdd(&groups[digit / unsigned(each())], count);
    }
};

/// Adds how often each value of the keys' highest digit occurs to `bins`. The block's memory holds 2^bits counters.
template <typename Source>
__global__ void count_first_digit(Source source, int64_t count, Bins bins) {
    uint32_t* const mine = launch_memory<uint32_t>();
    const int size = 1 << bins.bits, shift = Source::bits - bins.bits;
    for (int i = int(threadIdx.x); i < size; i += int(blockDim.x)) mine[i] = 0;
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
    for (int i = int(threadIdx.x); i < size; i += int(blockDim.x))
        if (mine[i]) atomicAdd(&bins.values[i], Count(mine[i]));
    const int each = bins.each();
    for (int group = int(threadIdx.x); group * each < size; group += int(blockDim.x)) {
        Count sum = 0;  // each thread begins elsewhere in its group: neighbours read from different banks
        for (int i = 0; i < each; ++i) sum += mine[group * each + ((i + group) & (each - 1))];
        if (sum) atomicAdd(&bins.groups[group], sum);
    }
}

/// The same for a lower digit, of the keys whose higher digits are the cut's. Those are few, unless many keys are
/// alike: so a thread adds up equal digits that follow each other, and a block those of its first thread's last digit.
template <typename Source>
__global__ void count_next_digit(Source source, int64_t count, int shift, const Cut* cut, Bins bins) {
    __shared__ unsigned common, together;
    const Count higher = cut->key >> (shift + bins.bits);
    const int64_t stride = int64_t(gridDim.x) * blockDim.x * 8;
    unsigned digit = 0, run = 0;
    for (int64_t i = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) * 8; i < count; i += stride) {
        typename Source::Key keys[8];
        const int here = count - i < 8 ? int(count - i) : 8;
        source.read(i, here, keys);
        for (int j = 0; j < 8; ++j) {
            if (j >= here || Count(keys[j]) >> (shift + bins.bits) != higher) continue;
            const auto next = unsigned(Count(keys[j]) >> shift & ((1u << bins.bits) - 1));
            if (run && next != digit) {
                bins.add(digit, run);
                run = 0;
            }
            digit = next;
            ++run;
        }
    }
    if (threadIdx.x == 0) {
        common = digit;
        together = 0;
    }
    __syncthreads();
    if (run && digit == common)
        atomicAdd(&together, run);
    else if (run)
        bins.add(digit, run);
    __syncthreads();
    if (threadIdx.x == 0 && together) bins.add(common, together);
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

/// Puts the digit at which `cut->remaining` keys are reached into the cut. One block of `scan_threads`.
static __global__ void find_digit(Bins bins, int shift, Cut* cut) {
    __shared__ Count sums[scan_threads], before_group;
    __shared__ int group;
    const Count wanted = cut->remaining;
    const int mine = int(threadIdx.x), each = bins.each(), groups = (1 << bins.bits) / each;
    const Count in_group = mine < groups ? bins.groups[mine] : 0;
    sums[mine] = in_group;
    sum_up(sums);
    if (sums[mine] >= wanted && sums[mine] - in_group < wanted) {
        group = mine;
        before_group = sums[mine] - in_group;
    }
    __syncthreads();
    const int digit = group * each + mine;
    const Count alike = mine < each ? bins.values[digit] : 0;
    sums[mine] = alike;
    sum_up(sums);
    const Count up_to = before_group + sums[mine];
    if (up_to < wanted || up_to - alike >= wanted) return;
    cut->key |= Count(digit) << shift;
    cut->remaining = wanted - (up_to - alike);
    cut->ties = alike;
}

/// Writes a bit for each of the keys, tile by tile: 1 above the cut, and at the cut where not all ties are selected;
/// there `equal` gets the ties' bits and `tile_ties` their number for each tile. Bits up to a whole 64-bit word are
/// written. From the last tile to the first: what was read last may still be in the GPU's cache.
template <typename Source>
__global__ void keep_higher(Source source, int64_t count, const Cut* found, uint8_t* kept, uint8_t* equal,
                            uint32_t* tile_ties) {
    __shared__ uint32_t ties;
    const Cut cut = *found;
    const bool split = splits_ties(cut);
    const int64_t padded = (count + 63) / 64 * 64;
    for (int64_t tile = (padded + tile_keys - 1) / tile_keys - 1 - blockIdx.x; tile >= 0; tile -= gridDim.x) {
        if (split) {
            if (threadIdx.x == 0) ties = 0;
            __syncthreads();
        }
        const int64_t i = tile * tile_keys + int64_t(threadIdx.x) * 8;
        if (i < padded) {
            typename Source::Key keys[8];
            const int here = count - i < 8 ? (count > i ? int(count - i) : 0) : 8;
            source.read(i, here, keys);
            unsigned higher = 0, same = 0;
            for (int j = 0; j < 8; ++j) {
                if (j >= here) continue;
                higher |= unsigned(Count(keys[j]) > cut.key) << j;
                same |= unsigned(Count(keys[j]) == cut.key) << j;
            }
            kept[i / 8] = uint8_t(split ? higher | same : higher);
            if (split) {
                equal[i / 8] = uint8_t(same);
                if (same) atomicAdd(&ties, uint32_t(__popc(same)));
            }
        }
        if (!split) continue;
        __syncthreads();
        if (threadIdx.x == 0) tile_ties[tile] = ties;
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

/// Takes the selected ties out of `kept`: those with the lowest indices.
static __global__ void drop_ties(const Cut* found, const uint8_t* equal, const Count* before, int64_t count,
                                 uint8_t* kept) {
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
        if (same) kept[i / 8] &= uint8_t(~same);
        __syncthreads();
    }
}

}  // namespace lacuna::cuda
