#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/kernels/keys.h"

namespace lacuna::kernels {

/// A key and its place, for selections among few keys and for the ones that follow ATen's order.
template <typename Key>
struct Placed {
    Key key;
    int64_t index;
};

/// Finds the lowest keys of one block after the other, keeping its buffer.
template <typename Key>
class LowestOfFew {
  public:
    /// flags[i] = 1 for the min(k, count) lowest of `count` keys, the lower index first among equals; 0 for the others.
    void flag(const Key* keys, int64_t count, int64_t k, uint8_t* flags) {
        if (k <= 0 || k >= count) {
            std::fill_n(flags, count, uint8_t(k > 0));
        } else if (count <= 16) {
            flag_by_rank(keys, count, k, flags);
        } else {
            flag_by_selection(keys, count, k, flags);
        }
    }

  private:
    static void flag_by_rank(const Key* keys, int64_t count, int64_t k, uint8_t* flags) {
        for (int64_t i = 0; i < count; ++i) {
            int64_t before = 0;
            for (int64_t j = 0; j < i; ++j) before += keys[j] <= keys[i];
            for (int64_t j = i + 1; j < count; ++j) before += keys[j] < keys[i];
            flags[i] = before < k;
        }
    }

    void flag_by_selection(const Key* keys, int64_t count, int64_t k, uint8_t* flags) {
        few_.assign(keys, keys + count);
        std::nth_element(few_.begin(), few_.begin() + (k - 1), few_.end());
        const Key cut = few_[size_t(k - 1)];
        int64_t equal = k;  // of the keys at the cut, that go
        for (int64_t i = 0; i < k; ++i) equal -= few_[size_t(i)] < cut;
        for (int64_t i = 0; i < count; ++i) flags[i] = keys[i] < cut || (keys[i] == cut && equal-- > 0);
    }

    std::vector<Key> few_;
};

/// The same selection with ATen's topk order among equals (parity.md 3.4): libstdc++'s partial_sort or nth_element on
/// pairs in index order, comparing keys only.
template <typename Key>
class LowestByAten {
  public:
    void flag(const Key* keys, int64_t count, int64_t k, uint8_t* flags) {
        std::fill_n(flags, count, uint8_t(k >= count));
        if (k <= 0 || k >= count) return;
        placed_.resize(size_t(count));
        for (int64_t i = 0; i < count; ++i) placed_[size_t(i)] = {keys[i], i};
        const auto lower = [](const auto& a, const auto& b) { return a.key < b.key; };
        if (k <= count / 64)
            std::partial_sort(placed_.begin(), placed_.begin() + k, placed_.end(), lower);
        else
            std::nth_element(placed_.begin(), placed_.begin() + k - 1, placed_.end(), lower);
        for (int64_t i = 0; i < k; ++i) flags[placed_[size_t(i)].index] = 1;
    }

  private:
    std::vector<Placed<Key>> placed_;
};

/// The same selection with the order of ATen's sort and argsort among equals: libstdc++'s sort.
template <typename Key>
class LowestBySort {
  public:
    void flag(const Key* keys, int64_t count, int64_t k, uint8_t* flags) {
        std::fill_n(flags, count, uint8_t(k >= count));
        if (k <= 0 || k >= count) return;
        placed_.resize(size_t(count));
        for (int64_t i = 0; i < count; ++i) placed_[size_t(i)] = {keys[i], i};
        std::sort(placed_.begin(), placed_.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
        for (int64_t i = 0; i < k; ++i) flags[placed_[size_t(i)].index] = 1;
    }

  private:
    std::vector<Placed<Key>> placed_;
};

}  // namespace lacuna::kernels
