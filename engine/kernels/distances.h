#pragma once

#include <cstdint>

namespace lacuna::kernels {

/// Rows that lie behind one another, and their number.
template <typename T>
struct Rows {
    const T* values;
    int64_t count;
};

/// sums[i · apart + j] = Σ |a − b|, or Σ (a − b)² if `squared`, over the columns of row i of `rows` and row j of
/// `others`. In double, in eight lanes that are added at the end: the same result on every machine, whichever of two
/// rows comes first.
void add_differences(Rows<float> rows, Rows<float> others, int64_t columns, bool squared, double* sums, int64_t apart);
void add_differences(Rows<double> rows, Rows<double> others, int64_t columns, bool squared, double* sums,
                     int64_t apart);

}  // namespace lacuna::kernels
