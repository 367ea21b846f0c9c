#pragma once

#include <cstdint>
#include <optional>

#include "engine/tensor/tensor_view.h"

namespace lacuna {

/// How an element of a type is told from zero: by its bits, of which a float's sign does not count (−0 is zero, NaN is
/// not). A complex number is zero where both its parts are.
struct ZeroTest {
    int bytes = 0;             ///< of an element
    uint64_t significant = 0;  ///< bits that a zero has not set; of each half for elements of 16 bytes
};

/// Nothing for types whose zeros cannot be told from the bytes alone: quantised, scales, smaller than a byte.
std::optional<ZeroTest> zero_test(DType dtype);

/// Elements [begin, end) of a view, in row-major order, as bits of `words` from bit 0 on: 1 where the element is not
/// zero. `test` is the type's.
void nonzero_words(const TensorView& view, ZeroTest test, int64_t begin, int64_t end, uint64_t* words);

}  // namespace lacuna
