#include <algorithm>

#include "engine/torch/cuda/blocks.cuh"
#include "engine/torch/cuda/masks.h"
#include "engine/torch/cuda/select.cuh"

namespace lacuna::cuda {
namespace {

constexpr unsigned threads = 256;

bool is_aligned(const void* pointer) {
    return reinterpret_cast<uintptr_t>(pointer) % 16 == 0;
}

/// The launches of one job.
class Work {
  public:
    explicit Work(const Queue& queue) : queue_(queue), stream_(static_cast<cudaStream_t>(queue.stream)) {}

    /// One thread for each of `items`, at most as many as keep the GPU busy: kernels go on in strides.
    template <typename... Parameters, typename... Arguments>
    void for_each(int64_t items, void (*kernel)(Parameters...), Arguments... arguments) {
        launch(kernel, grid((items + threads - 1) / threads), threads, 0, stream_, arguments...);
    }

    unsigned grid(int64_t blocks) const {
        return unsigned(std::clamp<int64_t>(blocks, 1, int64_t(queue_.processors) * 16));
    }

    template <typename T>
    T* allocate(int64_t count) {
        return static_cast<T*>(queue_.allocate(size_t(count) * sizeof(T)));
    }
    template <typename T>
    void clear(T* memory, int64_t count) {
        cudaMemsetAsync(memory, 0, size_t(count) * sizeof(T), stream_);
    }

    const Queue& queue() const { return queue_; }
    cudaStream_t stream() const { return stream_; }

  private:
    const Queue& queue_;
    cudaStream_t stream_;
};

/// Bits of the first digit: as many counters as a block of threads has memory for, with room for two blocks where the
/// digit is short.
int first_digit_bits(const Queue& queue) {
    return queue.block_bytes >= int(sizeof(uint32_t) << 15) ? 15 : 12;
}

static __global__ void begin_cut(Cut* cut, Count wanted) {
    *cut = Cut{0, wanted, 0};
}

/// Finds the cut for the `wanted` lowest of `count` keys, digit by digit; 1 ≤ wanted ≤ count.
template <typename Source>
Cut* find_cut(const Source& source, int64_t count, int64_t wanted, Work& work) {
    Cut* const cut = work.allocate<Cut>(1);
    Count* const memory = work.allocate<Count>(Bins::memory);
    launch(begin_cut, 1, 1, 0, work.stream(), cut, Count(wanted));
    const int first = first_digit_bits(work.queue());
    for (int shift = Source::bits; shift > 0;) {
        const bool is_first = shift == Source::bits;
        const Bins bins{memory + scan_threads, memory, std::min(shift, is_first ? first : most_digit_bits)};
        shift -= bins.bits;
        work.clear(memory, scan_threads + (int64_t(1) << bins.bits));
        if (is_first)
            launch(count_first_digit<Source>, unsigned(work.queue().processors), scan_threads,
                   sizeof(uint32_t) << bins.bits, work.stream(), source, count, bins);
        else
            work.for_each((count + 7) / 8, count_next_digit<Source>, source, count, shift, cut, bins);
        launch(find_digit, 1, scan_threads, 0, work.stream(), bins, shift, cut);
    }
    return cut;
}

/// A bit a key: 0 for the `wanted` lowest, of equal ones the lower index. Bits up to a whole 64-bit word are written.
template <typename Source>
void drop_lowest(const Source& source, int64_t count, int64_t wanted, uint64_t* kept, Work& work) {
    const int64_t words = (count + 63) / 64;
    if (wanted <= 0) return work.for_each(words, keep_all, count, kept);
    if (wanted >= count) return work.clear(kept, words);
    const Cut* const cut = find_cut(source, count, wanted, work);
    const int64_t tiles = (words * 64 + tile_keys - 1) / tile_keys;
    auto* const bytes = reinterpret_cast<uint8_t*>(kept);
    auto* const equal = work.allocate<uint8_t>(words * 8);
    auto* const ties = work.allocate<uint32_t>(tiles);
    auto* const before = work.allocate<Count>(tiles);
    launch(keep_higher<Source>, work.grid(tiles), tile_threads, 0, work.stream(), source, count, cut, bytes, equal,
           ties);
    launch(count_ties_before, 1, scan_threads, 0, work.stream(), cut, ties, tiles, before);
    launch(drop_ties, work.grid(tiles), tile_threads, 0, work.stream(), cut, equal, before, count, bytes);
}

/// The steps of `prune` for one kind of weight.
template <typename Weight, bool Squared>
class Pruner {
  public:
    using Scores = Scored<Weight, Squared>;
    using Key = typename Scores::Key;

    Pruner(const Tensor& tensor, const Selection& selection, Work& work)
        : selection_(selection),
          work_(work),
          size_(tensor.size()),
          aligned_(is_aligned(tensor.weights)),
          scores_{static_cast<const Weight*>(tensor.weights), reinterpret_cast<const uint8_t*>(tensor.current)},
          blocks_(blocks_over(tensor, selection.block)) {}

    void run(uint64_t* kept) {
        if (selection_.zeros >= selection_.block.rows * selection_.block.columns) return drop_blocks(kept);
        drop_inside(kept);
        if (selection_.taken >= blocks_.count()) return;
        const int64_t words = (size_ + 63) / 64;
        auto* const outside = work_.template allocate<uint64_t>(words);
        drop_blocks(outside);
        work_.for_each(words, keep_others, outside, words, kept);
    }

  private:
    static Blocks blocks_over(const Tensor& tensor, BlockShape block) {
        return {{tensor.rows, tensor.columns, tensor.inner},
                block.rows,
                block.columns,
                (tensor.columns + block.columns - 1) / block.columns,
                (tensor.rows + block.rows - 1) / block.rows};
    }
    WeightKeys<Weight, Squared> weight_keys() const { return {scores_.weights, scores_.current, aligned_}; }

    /// Prunes the lowest blocks.
    void drop_blocks(uint64_t* kept) {
        if (selection_.block == BlockShape{1, 1} && blocks_.layout.inner == 1)
            return drop_lowest(weight_keys(), size_, selection_.taken, kept, work_);
        Key* const keys = work_.template allocate<Key>(blocks_.count());
        mean(keys);
        auto* const blocks = work_.template allocate<uint64_t>((blocks_.count() + 63) / 64);
        drop_lowest(StoredKeys<Key>{keys}, blocks_.count(), selection_.taken, blocks, work_);
        const auto* const bits = reinterpret_cast<const uint8_t*>(blocks);
        if (blocks_.in_rows())
            work_.for_each((size_ + 63) / 64, expand_runs, bits, blocks_.width, size_, kept);
        else
            work_.for_each((size_ + 63) / 64, expand, bits, blocks_, kept);
    }

    void mean(Key* keys) {
        if (blocks_.in_rows() && blocks_.width == 2) return group_mean<2>(keys);
        if (blocks_.in_rows() && blocks_.width == 4) return group_mean<4>(keys);
        if (blocks_.in_rows() && blocks_.width == 8) return group_mean<8>(keys);
        work_.for_each(blocks_.count(), mean_keys<Scores>, scores_, blocks_, keys);
    }
    template <int Group>
    void group_mean(Key* keys) {
        work_.for_each((size_ + 7) / 8, group_mean_keys<Group, Scores>, scores_, size_, aligned_, keys);
    }

    /// Prunes the lowest weights of every block.
    void drop_inside(uint64_t* kept) {
        if (blocks_.in_rows() && blocks_.width == 2) return drop_in_groups<2>(kept);
        if (blocks_.in_rows() && blocks_.width == 4) return drop_in_groups<4>(kept);
        if (blocks_.in_rows() && blocks_.width == 8) return drop_in_groups<8>(kept);
        work_.for_each((size_ + 63) / 64, keep_all, size_, kept);
        work_.for_each(blocks_.count(), drop_in_blocks<Scores>, scores_, blocks_, selection_.zeros,
                       reinterpret_cast<uint32_t*>(kept));
    }
    template <int Group>
    void drop_in_groups(uint64_t* kept) {
        work_.for_each((size_ + 7) / 8, keep_in_groups<Group, WeightKeys<Weight, Squared>>, weight_keys(), size_,
                       int(selection_.zeros), reinterpret_cast<uint8_t*>(kept));
    }

    const Selection selection_;
    Work& work_;
    int64_t size_;
    bool aligned_;
    Scores scores_;
    Blocks blocks_;
};

template <typename Weight>
void prune_as(const Tensor& tensor, const Selection& selection, uint64_t* kept, Work& work) {
    if (tensor.squared)
        Pruner<Weight, true>(tensor, selection, work).run(kept);
    else
        Pruner<Weight, false>(tensor, selection, work).run(kept);
}

template <typename Bits>
void apply_as(const void* in, const uint64_t* kept, int64_t count, void* out, Work& work) {
    work.for_each((count + 7) / 8, apply<Bits>, static_cast<const Bits*>(in), reinterpret_cast<const uint8_t*>(kept),
                  count, is_aligned(in) && is_aligned(out), static_cast<Bits*>(out));
}

struct alignas(16) SixteenBytes {
    uint64_t halves[2];
};

}  // namespace

void prune(const Tensor& tensor, const Selection& selection, uint64_t* kept, const Queue& queue) {
    Work work(queue);
    switch (tensor.dtype) {
        case DType::F16:
            return prune_as<Half>(tensor, selection, kept, work);
        case DType::BF16:
            return prune_as<BFloat16>(tensor, selection, kept, work);
        case DType::F64:
            return prune_as<double>(tensor, selection, kept, work);
        default:
            return prune_as<float>(tensor, selection, kept, work);
    }
}

void apply_mask(const void* in, const uint64_t* kept, int64_t count, int weight_bytes, void* out, const Queue& queue) {
    Work work(queue);
    switch (weight_bytes) {
        case 1:
            return apply_as<uint8_t>(in, kept, count, out, work);
        case 2:
            return apply_as<uint16_t>(in, kept, count, out, work);
        case 4:
            return apply_as<uint32_t>(in, kept, count, out, work);
        case 8:
            return apply_as<uint64_t>(in, kept, count, out, work);
        default:
            return apply_as<SixteenBytes>(in, kept, count, out, work);
    }
}

void count_kept(const uint64_t* kept, int64_t count, uint64_t* total, const Queue& queue) {
    Work work(queue);
    work.clear(total, 1);
    const int64_t words = (count + 63) / 64 * 2;
    work.for_each(words, count_ones, reinterpret_cast<const uint32_t*>(kept), words, reinterpret_cast<Count*>(total));
}

}  // namespace lacuna::cuda
