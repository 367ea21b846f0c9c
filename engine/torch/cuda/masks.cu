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
    T* zeros(int64_t count) {
        T* memory = allocate<T>(count);
        clear(memory, count);
        return memory;
    }
    template <typename T>
    void clear(T* memory, int64_t count) {
        cudaMemsetAsync(memory, 0, size_t(count) * sizeof(T), stream_);
    }
    uint8_t* bitmap(int64_t bits) { return allocate<uint8_t>((bits + 63) / 64 * 8); }

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
    constexpr int next_bits = 16;
    Cut* const cut = work.allocate<Cut>(1);
    Count* const bins = work.allocate<Count>(int64_t(1) << next_bits);
    launch(begin_cut, 1, 1, 0, work.stream(), cut, Count(wanted));
    const int first = first_digit_bits(work.queue());
    for (int shift = Source::bits; shift > 0;) {
        const bool is_first = shift == Source::bits;
        const int bits = std::min(shift, is_first ? first : next_bits);
        shift -= bits;
        work.clear(bins, int64_t(1) << bits);
        if (is_first)
            launch(count_first_digit<Source>, unsigned(work.queue().processors), 1024, sizeof(uint32_t) << bits,
                   work.stream(), source, count, bits, bins);
        else
            work.for_each((count + 7) / 8, count_next_digit<Source>, source, count, shift, bits, cut, bins);
        launch(find_digit, 1, scan_threads, 0, work.stream(), bins, shift, bits, cut);
    }
    return cut;
}

/// A bit a key: 1 for the `wanted` lowest, of equal ones the lower index.
template <typename Source>
void select_lowest(const Source& source, int64_t count, int64_t wanted, uint8_t* selected, Work& work) {
    const int64_t bytes = (count + 63) / 64 * 8;
    if (wanted <= 0) return work.clear(selected, bytes);
    if (wanted >= count) {
        cudaMemsetAsync(selected, 0xff, size_t(bytes), work.stream());
        return;
    }
    const Cut* const cut = find_cut(source, count, wanted, work);
    const int64_t tiles = (bytes * 8 + tile_keys - 1) / tile_keys;
    uint8_t* const equal = work.allocate<uint8_t>(bytes);
    auto* const ties = work.allocate<uint32_t>(tiles);
    auto* const before = work.allocate<Count>(tiles);
    launch(mark_below<Source>, work.grid(tiles), tile_threads, 0, work.stream(), source, count, cut, selected, equal,
           ties);
    launch(count_ties_before, 1, scan_threads, 0, work.stream(), cut, ties, tiles, before);
    launch(select_ties, work.grid(tiles), tile_threads, 0, work.stream(), cut, equal, before, count, selected);
}

/// The steps of `prune` for one kind of weight.
template <typename Weight, bool Squared>
class Pruner {
  public:
    using Scores = Scored<Weight, Squared>;

    Pruner(const Tensor& tensor, const Selection& selection, Work& work)
        : selection_(selection),
          work_(work),
          size_(tensor.size()),
          weights_(static_cast<const Weight*>(tensor.weights)),
          current_(reinterpret_cast<const uint8_t*>(tensor.current)),
          blocks_{{tensor.rows, tensor.columns, tensor.inner}, selection.block.rows, selection.block.columns} {}

    void run(uint64_t* kept) {
        const bool inside = selection_.zeros < selection_.block.rows * selection_.block.columns;
        const uint8_t* const lowest = inside ? lowest_inside() : nullptr;
        const uint8_t* const taken = inside && selection_.taken >= blocks_.count() ? nullptr : taken_weights();
        work_.for_each((size_ + 31) / 32, keep_others, words(inside ? lowest : taken), words(inside ? taken : nullptr),
                       size_, reinterpret_cast<uint32_t*>(kept));
    }

  private:
    static const uint32_t* words(const uint8_t* bits) { return reinterpret_cast<const uint32_t*>(bits); }

    const uint8_t* taken_weights() {
        uint8_t* const bits = work_.bitmap(size_);
        if (selection_.block == BlockShape{1, 1} && blocks_.layout.inner == 1) {
            select_lowest(WeightKeys<Weight, Squared>{weights_, current_, is_aligned(weights_)}, size_,
                          selection_.taken, bits, work_);
            return bits;
        }
        using Key = typename Scores::Key;
        Key* const keys = work_.template allocate<Key>(blocks_.count());
        work_.for_each(blocks_.count(), mean_keys<Scores>, scores(), blocks_, keys);
        uint8_t* const taken = work_.bitmap(blocks_.count());
        select_lowest(StoredKeys<Key>{keys}, blocks_.count(), selection_.taken, taken, work_);
        work_.for_each((size_ + 7) / 8, expand, static_cast<const uint8_t*>(taken), blocks_, bits);
        return bits;
    }

    const uint8_t* lowest_inside() {
        const int64_t width = blocks_.width;
        const bool whole = blocks_.layout.inner == 1 && blocks_.height == 1 && blocks_.layout.columns % width == 0;
        if (whole && width == 2) return groups<2>();
        if (whole && width == 4) return groups<4>();
        if (whole && width == 8) return groups<8>();
        auto* const bits = work_.template zeros<uint32_t>((size_ + 63) / 64 * 2);
        work_.for_each(blocks_.count(), lowest_of_block<Scores>, scores(), blocks_, selection_.zeros, bits);
        return reinterpret_cast<const uint8_t*>(bits);
    }

    template <int Group>
    const uint8_t* groups() {
        uint8_t* const bits = work_.bitmap(size_);
        work_.for_each((size_ + 7) / 8, lowest_of_group<Group, Scores>, scores(), size_, int(selection_.zeros), bits);
        return bits;
    }

    Scores scores() const { return {weights_, current_}; }

    const Selection selection_;
    Work& work_;
    int64_t size_;
    const Weight* weights_;
    const uint8_t* current_;
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
