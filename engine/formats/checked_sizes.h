#pragma once

#include <cstdint>
#include <optional>

#include "engine/tensor/tensor_view.h"

namespace lacuna {

/// The number of elements, or nothing if a size is negative or the product does not fit into 62 bits.
std::optional<uint64_t> checked_elements(const Shape& shape);
/// Whole bytes of a contiguous tensor, or nothing if they do not fit or are no whole number.
std::optional<uint64_t> checked_bytes(DType dtype, const Shape& shape);
/// Bytes from the first element to the end of the last one a view reaches, or nothing if a size or stride is negative
/// or the sum does not fit; 0 for a view without elements.
std::optional<uint64_t> checked_extent(DType dtype, const Shape& shape, const Shape& strides);

}  // namespace lacuna
