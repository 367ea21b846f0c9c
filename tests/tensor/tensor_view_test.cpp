#include "engine/tensor/tensor_view.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "engine/base/error.h"
#include "engine/tensor/small_floats.h"

namespace lacuna {
namespace {

/// What IEEE 754 says a half is worth, by arithmetic instead of bits.
double half_value(int code) {
    const int exponent = code >> 10 & 31, mantissa = code & 1023;
    double value = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    if (exponent == 31) value = mantissa ? std::nan("") : std::numeric_limits<double>::infinity();
    return code & 0x8000 ? -value : value;
}

TEST(SmallFloatsTest, EveryHalfIsExact) {
    for (int code = 0; code < 65536; ++code) {
        const double expected = half_value(code);
        const float found = half_to_float(uint16_t(code));
        if (std::isnan(expected)) {
            ASSERT_TRUE(std::isnan(found)) << code;
        } else {
            ASSERT_EQ(double(found), expected) << code;
            ASSERT_EQ(std::signbit(found), (code & 0x8000) != 0) << code;
        }
    }
}

TEST(SmallFloatsTest, BFloat16IsTheUpperHalfOfAFloat) {
    EXPECT_EQ(bfloat16_to_float(0x3f80), 1.0f);
    EXPECT_EQ(bfloat16_to_float(0xc049), -3.140625f);
    EXPECT_TRUE(std::isinf(bfloat16_to_float(0x7f80)));
    EXPECT_EQ(bfloat16_to_float(0x0001), std::ldexp(1.0f, -133));
}

TEST(SmallFloatsTest, Float8KindsMeetTheirSpecifications) {
    EXPECT_EQ(e4m3_values[0x7e], 448.0f);
    EXPECT_TRUE(std::isnan(e4m3_values[0x7f]) && std::isnan(e4m3_values[0xff]));
    EXPECT_EQ(e4m3_values[0x01], std::ldexp(1.0f, -9));
    EXPECT_EQ(e5m2_values[0x7b], 57344.0f);
    EXPECT_TRUE(std::isinf(e5m2_values[0x7c]) && std::isnan(e5m2_values[0x7d]));
    EXPECT_EQ(e5m2_values[0x01], std::ldexp(1.0f, -16));
    EXPECT_EQ(e4m3fnuz_values[0x7f], 240.0f);
    EXPECT_TRUE(std::isnan(e4m3fnuz_values[0x80]));
    EXPECT_EQ(e4m3fnuz_values[0x01], std::ldexp(1.0f, -10));
    EXPECT_EQ(e5m2fnuz_values[0x7f], 57344.0f);
    EXPECT_TRUE(std::isnan(e5m2fnuz_values[0x80]));
    for (size_t code = 0; code < 0x7f; ++code) EXPECT_EQ(e4m3_values[code], -e4m3_values[code + 128]);
}

TEST(TensorViewTest, ShapesAndStrides) {
    EXPECT_EQ(element_count({}), 1);
    EXPECT_EQ(element_count({2, 0, 3}), 0);
    EXPECT_EQ(to_string(Shape{64, 3, 3}), "[64, 3, 3]");
    EXPECT_EQ(contiguous_strides({2, 3, 4}), (Shape{12, 4, 1}));
    EXPECT_TRUE((TensorView{nullptr, DType::F32, {2, 1, 3}, {3, 77, 1}}).contiguous());
    EXPECT_FALSE((TensorView{nullptr, DType::F32, {2, 3}, {1, 2}}).contiguous());
    EXPECT_TRUE((TensorView{nullptr, DType::F32, {0, 3}, {9, 9}}).contiguous());
}

/// Every element of a strided view by its indices, for comparison.
std::vector<float> by_index(const TensorView& view) {
    std::vector<float> values;
    for (int64_t i = 0; i < view.elements(); ++i) {
        int64_t rest = i, offset = 0;
        for (size_t d = view.shape.size(); d-- > 0; rest /= view.shape[d])
            offset += rest % view.shape[d] * view.strides[d];
        values.push_back(reinterpret_cast<const float*>(view.data)[offset]);
    }
    return values;
}

TEST(TensorViewTest, StridedViewsAreWalkedInRowMajorOrder) {
    std::vector<float> storage(4 * 5 * 6);
    std::iota(storage.begin(), storage.end(), 0.0f);
    const auto* data = reinterpret_cast<const std::byte*>(storage.data());
    const std::vector<TensorView> views = {
        {data, DType::F32, {4, 5, 6}, {30, 6, 1}},       // contiguous
        {data, DType::F32, {6, 5, 4}, {1, 6, 30}},       // transposed
        {data, DType::F32, {4, 6, 5}, {30, 1, 6}},       // inner two swapped
        {data, DType::F32, {2, 5, 3}, {60, 6, 2}},       // every second
        {data + 28, DType::F32, {3, 4}, {30, 1}},        // offset
        {data, DType::F32, {3, 1, 5, 1}, {0, 5, 6, 9}},  // expanded
        {data, DType::F32, {}, {}},
    };
    for (const TensorView& view : views) {
        const std::vector<float> expected = by_index(view);
        std::vector<float> copied(expected.size()), read(expected.size());
        copy_contiguous(view, reinterpret_cast<std::byte*>(copied.data()));
        EXPECT_EQ(copied, expected) << to_string(view.strides);
        for (int64_t begin = 0; begin <= view.elements(); ++begin) {
            const int64_t end = std::min<int64_t>(begin + 7, view.elements());
            read_as_float(view, begin, end, read.data());
            for (int64_t i = begin; i < end; ++i) EXPECT_EQ(read[size_t(i - begin)], expected[size_t(i)]);
        }
    }
}

template <class T>
double first_as_double(DType dtype, T value) {
    std::byte bytes[sizeof(T) + 1];
    std::memcpy(bytes + 1, &value, sizeof value);  // not aligned, as in a safetensors file
    double out = 0;
    read_as_double(contiguous_view(bytes + 1, dtype, {1}), 0, 1, &out);
    return out;
}

TEST(TensorViewTest, NumbersOfEveryTypeAreReadFromUnalignedPlaces) {
    EXPECT_EQ(first_as_double(DType::F64, 0.1), 0.1);
    EXPECT_EQ(first_as_double(DType::F32, 0.1f), double(0.1f));
    EXPECT_EQ(first_as_double(DType::F16, uint16_t(0x3c00)), 1.0);
    EXPECT_EQ(first_as_double(DType::BF16, uint16_t(0xbf80)), -1.0);
    EXPECT_EQ(first_as_double(DType::F8_E4M3, uint8_t(0x38)), 1.0);
    EXPECT_EQ(first_as_double(DType::F8_E5M2, uint8_t(0x3c)), 1.0);
    EXPECT_EQ(first_as_double(DType::F8_E4M3FNUZ, uint8_t(0x40)), 1.0);
    EXPECT_EQ(first_as_double(DType::F8_E5M2FNUZ, uint8_t(0x40)), 1.0);
    EXPECT_EQ(first_as_double(DType::I64, int64_t(-5)), -5.0);
    EXPECT_EQ(first_as_double(DType::I32, int32_t(-5)), -5.0);
    EXPECT_EQ(first_as_double(DType::I16, int16_t(-5)), -5.0);
    EXPECT_EQ(first_as_double(DType::I8, int8_t(-5)), -5.0);
    EXPECT_EQ(first_as_double(DType::U8, uint8_t(250)), 250.0);
    EXPECT_EQ(first_as_double(DType::U16, uint16_t(65000)), 65000.0);
    EXPECT_EQ(first_as_double(DType::U32, uint32_t(4000000000)), 4000000000.0);
    EXPECT_EQ(first_as_double(DType::U64, uint64_t(1) << 63), 0x1p63);
    EXPECT_EQ(first_as_double(DType::BOOL, uint8_t(2)), 1.0);
}

TEST(TensorViewTest, WhatHoldsNoNumbersIsRefused) {
    const std::byte bytes[16]{};
    float out;
    for (const DType dtype : {DType::C64, DType::QI8, DType::F4, DType::F6_E2M3, DType::F8_E8M0})
        EXPECT_THROW(read_as_float(contiguous_view(bytes, dtype, {1}), 0, 1, &out), Error) << dtype_name(dtype);
    std::byte copy[4];
    EXPECT_THROW(copy_contiguous({bytes, DType::F4, {2, 2}, {1, 2}}, copy), Error);
}

}  // namespace
}  // namespace lacuna
