#pragma once

#include <cstddef>
#include <vector>

#include "engine/mask/mask.h"

namespace lacuna {

/// A tensor of three or more dimensions O×I×K… seen with I last: O×K…×I, a row for each (o, k…). N:M patterns of
/// convolutions run along these rows.
class InnerLast {
  public:
    /// Copies `weight`.
    explicit InnerLast(const TensorView& weight);

    TensorView weight() const;
    MatrixShape matrix() const;
    /// A mask of the tensor's own shape, in this order.
    Mask arranged(const Mask& mask) const;
    /// The way back: a mask in this order as one of the tensor's own shape.
    Mask restored(const Mask& mask) const;

  private:
    Shape shape_, arranged_shape_;
    int64_t outer_, inner_, places_;
    DType dtype_;
    std::vector<std::byte> bytes_;
};

}  // namespace lacuna
