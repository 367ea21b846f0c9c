#pragma once

#include <cstdint>
#include <vector>

#include "engine/kernels/radix_select.h"

namespace lacuna::kernels {

/// Which of ATen's functions orders equal keys: they leave them in different orders (docs/parity.md).
enum class AtenOrder { topk, sort };

/// Selects the lowest keys in ATen's order among equals: libstdc++'s partial_sort or nth_element (topk) or sort on
/// pairs of key and index in index order, comparing keys only.
template <typename Key>
class LowestByAten {
  public:
    explicit LowestByAten(AtenOrder order) : order_(order) {}

    /// Bits of the k lowest of `count` keys, 1 ≤ k ≤ count < 2³²; bits past the last key are 0.
    void mark(const Key* keys, int64_t count, int64_t k, uint64_t* words);

  private:
    struct Placed {
        Key key;
        uint32_t index;
    };
    AtenOrder order_;
    std::vector<Placed> placed_;
};

/// `select_lowest` in ATen's order among equals, any number of keys. Where no choice is among equals there is one
/// selection, whoever makes it: the keys are sorted only if there is.
template <typename Key>
void select_lowest_by_aten(const KeyReader<Key>& reader, int64_t count, int64_t k, AtenOrder order, uint64_t* words);

}  // namespace lacuna::kernels
