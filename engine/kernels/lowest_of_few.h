#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/kernels/cut_of_few.h"
#include "engine/kernels/keys.h"

namespace lacuna::kernels {

/// A key and its place, for selections among few keys and for the ones that follow ATen's order.
template <typename Key>
struct Placed {
    Key key;
    int64_t index;
};

/// Up to so many keys are ranked one against the other.
inline constexpr int64_t ranked_keys = 16;

/// Finds the lowest keys of one block after the other.
template <typename Key>
class LowestOfFew {
  public:
    /// flags[i] = 1 for the min(k, count) lowest of `count` keys, the lower index first among equals; 0 for the others.
    void flag(const Key* keys, int64_t count, int64_t k, uint8_t* flags) {
        if (k <= 0 || k >= count) {
            std::fill_n(flags, count, uint8_t(k > 0));
        } else if (count <= ranked_keys) {
            flag_by_rank(keys, count, k, flags);
        } else {
            flag_below(keys, count, cut_of_few(keys, count, k), flags);
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
};

/// Flags the lowest keys where no order among equals is asked for, because all that equal the last one go or none does.
/// False: there is a choice to make, and nothing was done.
template <typename Key>
bool flag_without_ties(const Key* keys, int64_t count, int64_t k, uint8_t* flags) {
    if (k <= 0 || k >= count) {
        std::fill_n(flags, count, uint8_t(k >= count));
        return true;
    }
    if (count <= ranked_keys) return false;  // trying costs more than ordering them
    const Cut<Key> cut = cut_of_few(keys, count, k);
    if (cut.equal != cut.ties) return false;
    flag_below(keys, count, cut, flags);
    return true;
}

/// The same selection with ATen's topk order among equals (docs/parity.md): libstdc++'s partial_sort or nth_element on
/// pairs in index order, comparing keys only.
template <typename Key>
class LowestByAten {
  public:
    void flag(const Key* keys, int64_t count, int64_t k, uint8_t* flags) {
        if (!flag_without_ties(keys, count, k, flags)) flag_in_order(keys, count, k, flags);
    }
    /// The same where there is known to be a choice among equals, 1 ≤ k ≤ count.
    void flag_in_order(const Key* keys, int64_t count, int64_t k, uint8_t* flags) {
        std::fill_n(flags, count, uint8_t(0));
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
        if (!flag_without_ties(keys, count, k, flags)) flag_in_order(keys, count, k, flags);
    }
    /// The same where there is known to be a choice among equals, 1 ≤ k ≤ count.
    void flag_in_order(const Key* keys, int64_t count, int64_t k, uint8_t* flags) {
        std::fill_n(flags, count, uint8_t(0));
        placed_.resize(size_t(count));
        for (int64_t i = 0; i < count; ++i) placed_[size_t(i)] = {keys[i], i};
        std::sort(placed_.begin(), placed_.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
        for (int64_t i = 0; i < k; ++i) flags[placed_[size_t(i)].index] = 1;
    }

  private:
    std::vector<Placed<Key>> placed_;
};

}  // namespace lacuna::kernels
