#include "engine/sparsifiers/inner_last.h"

#include <algorithm>

#include "engine/base/parallel.h"

namespace lacuna {
namespace {

/// Moves the second dimension to the end.
Shape rotated(const Shape& sizes) {
    Shape result = sizes;
    std::rotate(result.begin() + 1, result.begin() + 2, result.end());
    return result;
}

/// Bits of outer × rows × columns as outer × columns × rows, a mask of `shape`.
Mask transposed(const Mask& mask, Shape shape, int64_t outer, int64_t rows, int64_t columns) {
    Mask result = Mask::zeros(std::move(shape));
    constexpr int64_t grain = 64;  // whole words, whatever rows × columns is
    parallel_for(outer, grain, [&](int64_t begin, int64_t end) {
        int64_t out = begin * rows * columns;
        for (int64_t o = begin; o < end; ++o)
            for (int64_t column = 0; column < columns; ++column)
                for (int64_t row = 0; row < rows; ++row, ++out)
                    if (mask[(o * rows + row) * columns + column]) result.set(out, true);
    });
    return result;
}

}  // namespace

InnerLast::InnerLast(const TensorView& weight)
    : shape_(weight.shape),
      arranged_shape_(rotated(weight.shape)),
      outer_(shape_[0]),
      inner_(shape_[1]),
      places_(matrix_shape(shape_).columns / std::max<int64_t>(1, shape_[1])),
      dtype_(weight.dtype),
      bytes_(dtype_bytes(weight.dtype, uint64_t(weight.elements()))) {
    copy_contiguous({weight.data, dtype_, arranged_shape_, rotated(weight.strides)}, bytes_.data());
}

TensorView InnerLast::weight() const {
    return contiguous_view(bytes_.data(), dtype_, arranged_shape_);
}

MatrixShape InnerLast::matrix() const {
    return {outer_ * places_, inner_};
}

Mask InnerLast::arranged(const Mask& mask) const {
    return transposed(mask, arranged_shape_, outer_, inner_, places_);
}

Mask InnerLast::restored(const Mask& mask) const {
    return transposed(mask, shape_, outer_, places_, inner_);
}

}  // namespace lacuna
