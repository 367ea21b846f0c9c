#include "engine/tensor/dtype.h"

#include <array>

namespace lacuna {
namespace {

struct Row {
    std::string_view name, torch_name;
    int bits;
    bool floating;
};

// In the order of the enumeration.
constexpr std::array<Row, dtype_count> rows{{
    {"F64", "float64", 64, true},
    {"F32", "float32", 32, true},
    {"F16", "float16", 16, true},
    {"BF16", "bfloat16", 16, true},
    {"F8_E4M3", "float8_e4m3fn", 8, true},
    {"F8_E5M2", "float8_e5m2", 8, true},
    {"F8_E4M3FNUZ", "float8_e4m3fnuz", 8, true},
    {"F8_E5M2FNUZ", "float8_e5m2fnuz", 8, true},
    {"I64", "int64", 64, false},
    {"I32", "int32", 32, false},
    {"I16", "int16", 16, false},
    {"I8", "int8", 8, false},
    {"U8", "uint8", 8, false},
    {"BOOL", "bool", 8, false},
    {"U64", "uint64", 64, false},
    {"U32", "uint32", 32, false},
    {"U16", "uint16", 16, false},
    {"F8_E8M0", "float8_e8m0fnu", 8, false},
    {"C32", "complex32", 32, false},
    {"C64", "complex64", 64, false},
    {"C128", "complex128", 128, false},
    {"QI8", "qint8", 8, false},
    {"QU8", "quint8", 8, false},
    {"QI32", "qint32", 32, false},
    {"F4", "", 4, false},
    {"F6_E2M3", "", 6, false},
    {"F6_E3M2", "", 6, false},
}};

const Row& row(DType dtype) {
    return rows[size_t(dtype)];
}

}  // namespace

std::string_view dtype_name(DType dtype) {
    return row(dtype).name;
}

std::string_view torch_dtype_name(DType dtype) {
    return row(dtype).torch_name;
}

bool dtype_from_name(std::string_view name, DType& out) {
    for (size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].name != name) continue;
        out = DType(i);
        return true;
    }
    return false;
}

int dtype_bits(DType dtype) {
    return row(dtype).bits;
}

uint64_t dtype_bytes(DType dtype, uint64_t count) {
    const auto bits = uint64_t(row(dtype).bits);
    return bits % 8 == 0 ? count * (bits / 8) : count / 8 * bits + (count % 8 * bits + 7) / 8;
}

bool is_floating(DType dtype) {
    return row(dtype).floating;
}

}  // namespace lacuna
