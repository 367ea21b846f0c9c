#include "engine/formats/checked_sizes.h"

namespace lacuna {
namespace {

constexpr uint64_t limit = uint64_t(1) << 56;  // elements; times 128 bits it still fits

}  // namespace

std::optional<uint64_t> checked_elements(const Shape& shape) {
    uint64_t count = 1;
    bool empty = false;
    for (const int64_t size : shape) {
        if (size < 0) return std::nullopt;
        if (size == 0) empty = true;
        if (size == 0) continue;
        if (count > limit / uint64_t(size)) return std::nullopt;
        count *= uint64_t(size);
    }
    return empty ? 0 : count;
}

std::optional<uint64_t> checked_bytes(DType dtype, const Shape& shape) {
    const auto count = checked_elements(shape);
    if (!count || *count * uint64_t(dtype_bits(dtype) % 8 ? dtype_bits(dtype) : 8) % 8 != 0) return std::nullopt;
    return dtype_bytes(dtype, *count);
}

std::optional<uint64_t> checked_extent(DType dtype, const Shape& shape, const Shape& strides) {
    const auto count = checked_elements(shape);
    if (!count || shape.size() != strides.size()) return std::nullopt;
    uint64_t last = 0;
    for (size_t d = 0; d < shape.size(); ++d) {
        if (strides[d] < 0) return std::nullopt;
        if (shape[d] <= 1 || strides[d] == 0) continue;
        if (uint64_t(strides[d]) > limit / uint64_t(shape[d] - 1)) return std::nullopt;
        last += uint64_t(shape[d] - 1) * uint64_t(strides[d]);
        if (last > limit) return std::nullopt;
    }
    return *count == 0 ? 0 : dtype_bytes(dtype, last + 1);
}

}  // namespace lacuna
