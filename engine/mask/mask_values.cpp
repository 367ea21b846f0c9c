#include "engine/mask/mask_values.h"

#include <cstring>

#include "engine/base/error.h"

namespace lacuna {
namespace {

/// The bits of 1; 0 where there are none.
uint64_t one_of(DType dtype) {
    switch (dtype) {
        case DType::F64:
            return 0x3ff0000000000000;
        case DType::F32:
            return 0x3f800000;
        case DType::F16:
            return 0x3c00;
        case DType::BF16:
            return 0x3f80;
        case DType::I64:
        case DType::I32:
        case DType::I16:
        case DType::I8:
        case DType::U8:
        case DType::BOOL:
        case DType::U64:
        case DType::U32:
        case DType::U16:
            return 1;
        default:
            return 0;
    }
}

}  // namespace

bool can_hold_mask(DType dtype) {
    return one_of(dtype) != 0;
}

void write_mask_values(const Mask& mask, DType dtype, int64_t first, std::span<std::byte> out) {
    const uint64_t one = one_of(dtype);
    if (one == 0)
        throw Error(ErrorKind::argument, "mask", "cannot be written as " + std::string(dtype_name(dtype)),
                    "write it as F32");
    const auto size = size_t(dtype_bits(dtype) / 8);
    constexpr uint64_t none = 0;
    for (size_t i = 0; i * size < out.size(); ++i)
        std::memcpy(out.data() + i * size, mask[first + int64_t(i)] ? &one : &none, size);
}

std::vector<std::byte> mask_values(const Mask& mask, DType dtype) {
    std::vector<std::byte> values(dtype_bytes(dtype, uint64_t(mask.size())));
    write_mask_values(mask, dtype, 0, values);
    return values;
}

}  // namespace lacuna
