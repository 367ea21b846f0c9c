#include "engine/mask/mask_values.h"

#include <cstring>

#include "engine/base/error.h"

namespace lacuna {
namespace {

/// The bits of 1.
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
            throw Error(ErrorKind::argument, "mask", "cannot be written as " + std::string(dtype_name(dtype)),
                        "write it as F32");
    }
}

}  // namespace

std::vector<std::byte> mask_values(const Mask& mask, DType dtype) {
    const uint64_t one = one_of(dtype);
    const auto size = size_t(dtype_bits(dtype) / 8);
    std::vector<std::byte> values(size_t(mask.size()) * size);
    for (int64_t i = 0; i < mask.size(); ++i)
        if (mask[i]) std::memcpy(values.data() + size_t(i) * size, &one, size);
    return values;
}

}  // namespace lacuna
