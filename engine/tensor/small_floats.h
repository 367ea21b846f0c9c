#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>

namespace lacuna {

/// IEEE half precision to float, exactly. Without a branch, so that loops over it vectorise.
inline float half_to_float(uint16_t half) {
    const uint32_t sign = uint32_t(half & 0x8000) << 16;
    const uint32_t magnitude = uint32_t(half & 0x7fff) << 13;
    // As a float this has the exponent's bias of 15 where 127 belongs; the product is exact, for subnormals too.
    const auto scaled = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
    const uint32_t special = -uint32_t(magnitude >= 0x0f800000u) & 0x7f800000u;  // infinity and NaN
    return std::bit_cast<float>(sign | scaled | special);
}

/// bfloat16 is the upper half of a float.
inline float bfloat16_to_float(uint16_t bits) {
    return std::bit_cast<float>(uint32_t(bits) << 16);
}

/// How a float8 kind divides its byte, and which codes are not numbers.
enum class Float8Specials { ieee, one_nan_pair, negative_zero_is_nan };

/// The values of all 256 codes of a float8 kind (OCP 8-bit floating point specification; FNUZ as in ONNX).
constexpr std::array<float, 256> float8_values(int mantissa_bits, int bias, Float8Specials specials) {
    std::array<float, 256> values{};
    const int exponent_mask = 0x7f >> mantissa_bits;
    for (int code = 0; code < 256; ++code) {
        const int exponent = code >> mantissa_bits & exponent_mask;
        const int mantissa = code & ((1 << mantissa_bits) - 1);
        // value = fraction · 2^scale; subnormals share the scale of exponent 1
        double value = exponent == 0 ? mantissa : mantissa + (1 << mantissa_bits);
        int scale = (exponent == 0 ? 1 : exponent) - bias - mantissa_bits;
        for (; scale > 0; --scale) value *= 2;
        for (; scale < 0; ++scale) value /= 2;
        if (specials == Float8Specials::ieee && exponent == exponent_mask)
            value = mantissa ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
        if (specials == Float8Specials::one_nan_pair && (code & 0x7f) == 0x7f)
            value = std::numeric_limits<double>::quiet_NaN();
        if (specials == Float8Specials::negative_zero_is_nan && code == 0x80)
            value = std::numeric_limits<double>::quiet_NaN();
        values[size_t(code)] = float(code & 0x80 ? -value : value);
    }
    return values;
}

inline constexpr auto e4m3_values = float8_values(3, 7, Float8Specials::one_nan_pair);
inline constexpr auto e5m2_values = float8_values(2, 15, Float8Specials::ieee);
inline constexpr auto e4m3fnuz_values = float8_values(3, 8, Float8Specials::negative_zero_is_nan);
inline constexpr auto e5m2fnuz_values = float8_values(2, 16, Float8Specials::negative_zero_is_nan);

}  // namespace lacuna
