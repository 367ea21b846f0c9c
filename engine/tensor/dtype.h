#pragma once

#include <cstdint>
#include <string_view>

namespace lacuna {

/// Element types that a checkpoint can hold. Those past BOOL are carried through untouched, never computed with.
enum class DType : uint8_t {
    F64,
    F32,
    F16,
    BF16,
    F8_E4M3,
    F8_E5M2,
    F8_E4M3FNUZ,
    F8_E5M2FNUZ,
    I64,
    I32,
    I16,
    I8,
    U8,
    BOOL,
    U64,
    U32,
    U16,
    F8_E8M0,
    C32,
    C64,
    C128,
    QI8,
    QU8,
    QI32,
    F4,
    F6_E2M3,
    F6_E3M2,
};

inline constexpr int dtype_count = int(DType::F6_E3M2) + 1;

/// The name in safetensors' spelling ("F32"); for types that safetensors lacks, one of the same kind ("QI8").
std::string_view dtype_name(DType dtype);
/// PyTorch's name ("float32", "quint8"); empty where PyTorch has no such type.
std::string_view torch_dtype_name(DType dtype);
/// Finds a type by `dtype_name`; false if there is none of that name.
bool dtype_from_name(std::string_view name, DType& out);
/// Bits of one element (F4 has 4, the F6 kinds 6).
int dtype_bits(DType dtype);
/// Whole bytes that `count` elements take, rounded up.
uint64_t dtype_bytes(DType dtype, uint64_t count);
/// True for real floating types that a mask can be computed on: F64, F32, F16, BF16 and the four float8 kinds.
bool is_floating(DType dtype);

}  // namespace lacuna
