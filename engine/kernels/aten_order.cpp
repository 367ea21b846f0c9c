#include "engine/kernels/aten_order.h"

#include <algorithm>
#include <limits>

#include "engine/kernels/key_runs.h"

namespace lacuna::kernels {
namespace {

/// Brings the k lowest to the front.
template <typename Placed>
void order_as_aten(std::vector<Placed>& placed, int64_t k, AtenOrder order) {
    const auto lower = [](const Placed& a, const Placed& b) { return a.key < b.key; };
    if (order == AtenOrder::sort)
        std::sort(placed.begin(), placed.end(), lower);
    else if (k <= int64_t(placed.size()) / 64)
        std::partial_sort(placed.begin(), placed.begin() + k, placed.end(), lower);
    else
        std::nth_element(placed.begin(), placed.begin() + k - 1, placed.end(), lower);
}

template <typename Placed>
void mark_first(const std::vector<Placed>& placed, int64_t k, uint64_t* words) {
    std::fill_n(words, (placed.size() + 63) / 64, uint64_t(0));
    for (int64_t i = 0; i < k; ++i) {
        const auto index = uint64_t(placed[size_t(i)].index);
        words[index / 64] |= uint64_t(1) << index % 64;
    }
}

template <typename Key, typename Index>
void select_in_order(const KeyReader<Key>& reader, int64_t count, int64_t k, AtenOrder order, uint64_t* words) {
    struct Placed {
        Key key;
        Index index;
    };
    std::vector<Placed> placed(static_cast<size_t>(count));
    each_run(reader, 0, count, [&](const Key* keys, int64_t here, int64_t first) {
        for (int64_t i = 0; i < here; ++i) placed[size_t(first + i)] = {keys[i], Index(first + i)};
    });
    order_as_aten(placed, k, order);
    mark_first(placed, k, words);
}

}  // namespace

template <typename Key>
void LowestByAten<Key>::mark(const Key* keys, int64_t count, int64_t k, uint64_t* words) {
    placed_.resize(size_t(count));
    for (int64_t i = 0; i < count; ++i) placed_[size_t(i)] = {keys[i], uint32_t(i)};
    order_as_aten(placed_, k, order_);
    mark_first(placed_, k, words);
}

template <typename Key>
void select_lowest_by_aten(const KeyReader<Key>& reader, int64_t count, int64_t k, AtenOrder order, uint64_t* words) {
    if (!select_lowest(reader, count, k, words)) return;
    if (count <= int64_t(std::numeric_limits<uint32_t>::max()))
        select_in_order<Key, uint32_t>(reader, count, k, order, words);
    else
        select_in_order<Key, int64_t>(reader, count, k, order, words);
}

template class LowestByAten<Key32>;
template class LowestByAten<Key64>;
template void select_lowest_by_aten(const KeyReader<Key32>&, int64_t, int64_t, AtenOrder, uint64_t*);
template void select_lowest_by_aten(const KeyReader<Key64>&, int64_t, int64_t, AtenOrder, uint64_t*);

}  // namespace lacuna::kernels
