#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/tensor/dtype.h"

namespace lacuna {

using Shape = std::vector<int64_t>;

/// Product of the sizes; 1 for a 0-dimensional tensor.
int64_t element_count(const Shape& shape);
/// "[64, 3, 3, 3]"
std::string to_string(const Shape& shape);
/// Row-major strides, in elements.
Shape contiguous_strides(const Shape& shape);

/// A tensor seen where it lies: nothing is owned, nothing is copied. Strides count elements, like PyTorch's.
/// Valid for as long as whoever handed it out says (a Checkpoint: as long as the Checkpoint lives).
struct TensorView {
    const std::byte* data = nullptr;
    DType dtype = DType::F32;
    Shape shape;
    Shape strides;

    int64_t elements() const { return element_count(shape); }
    bool contiguous() const;
};

/// A row-major view of `data`.
TensorView contiguous_view(const void* data, DType dtype, Shape shape);

/// Copies `view`'s elements in row-major order to `out`, which has room for dtype_bytes(dtype, elements) bytes.
void copy_contiguous(const TensorView& view, std::byte* out);

/// Converts elements [begin, end) of `view`, in row-major order, to float32 (F64 is rounded) at `out`.
/// Floating and integer types; throws Error(argument) for the others.
void read_as_float(const TensorView& view, int64_t begin, int64_t end, float* out);
/// The same in double precision: exact for every type that is accepted, but large I64 and U64.
void read_as_double(const TensorView& view, int64_t begin, int64_t end, double* out);

}  // namespace lacuna
