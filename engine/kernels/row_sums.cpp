#include "engine/kernels/row_sums.h"

namespace lacuna::kernels {
namespace {

constexpr int64_t side_by_side = 8;

template <int64_t Rows, typename Key>
void add_some(const Key* keys, int64_t stride, int64_t count, double* sums) {
    double running[Rows];
    for (int64_t row = 0; row < Rows; ++row) running[row] = sums[row];
    for (int64_t i = 0; i < count; ++i)
        for (int64_t row = 0; row < Rows; ++row) running[row] += double(score_of(keys[row * stride + i]));
    for (int64_t row = 0; row < Rows; ++row) sums[row] = running[row];
}

template <typename Key>
void add_any(const Key* keys, int64_t rows, int64_t stride, int64_t count, double* sums) {
    int64_t row = 0;
    for (; row + side_by_side <= rows; row += side_by_side)
        add_some<side_by_side>(keys + row * stride, stride, count, sums + row);
    for (; row < rows; ++row) add_some<1>(keys + row * stride, stride, count, sums + row);
}

}  // namespace

void add_scores(const Key32* keys, int64_t rows, int64_t stride, int64_t count, double* sums) {
    add_any(keys, rows, stride, count, sums);
}

void add_scores(const Key64* keys, int64_t rows, int64_t stride, int64_t count, double* sums) {
    add_any(keys, rows, stride, count, sums);
}

}  // namespace lacuna::kernels
