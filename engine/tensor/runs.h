#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/tensor/tensor_view.h"

namespace lacuna {

/// One dimension after neighbours that lie in memory as one were merged.
struct Extent {
    int64_t size = 1, stride = 1;
};

/// The dimensions of a view, outermost first, without those of size 1 and with neighbours merged where they can be:
/// a contiguous view becomes one extent. Never empty.
std::vector<Extent> merged_extents(const Shape& shape, const Shape& strides);

/// Walks elements [begin, end) of a view, in row-major order, as runs along its innermost merged dimension:
/// `run(offset, stride, count)`, offset and stride in elements from the view's data.
template <class Run>
void for_each_run(const Shape& shape, const Shape& strides, int64_t begin, int64_t end, Run&& run) {
    if (begin >= end) return;
    const std::vector<Extent> extents = merged_extents(shape, strides);
    const Extent inner = extents.back();
    const size_t outer = extents.size() - 1;
    std::vector<int64_t> index(outer);
    int64_t rest = begin / inner.size, base = 0;
    for (size_t d = outer; d-- > 0;) {
        index[d] = rest % extents[d].size;
        rest /= extents[d].size;
        base += index[d] * extents[d].stride;
    }
    int64_t column = begin % inner.size;
    for (int64_t left = end - begin;;) {
        const int64_t count = std::min(left, inner.size - column);
        run(base + column * inner.stride, inner.stride, count);
        left -= count;
        if (left == 0) return;
        column = 0;
        for (size_t d = outer; d-- > 0;) {
            base += extents[d].stride;
            if (++index[d] < extents[d].size) break;
            base -= extents[d].stride * extents[d].size;
            index[d] = 0;
        }
    }
}

}  // namespace lacuna
