#include "engine/tensor/dtype.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace lacuna {
namespace {

TEST(DTypeTest, EveryNameLeadsBackToItsType) {
    std::set<std::string_view> names;
    for (int i = 0; i < dtype_count; ++i) {
        DType found = DType::F32;
        ASSERT_TRUE(dtype_from_name(dtype_name(DType(i)), found)) << i;
        EXPECT_EQ(found, DType(i));
        names.insert(dtype_name(DType(i)));
    }
    EXPECT_EQ(int(names.size()), dtype_count);
    DType unused;
    EXPECT_FALSE(dtype_from_name("float32", unused));
}

TEST(DTypeTest, BytesOfTypesSmallerThanAByteAreRoundedUp) {
    EXPECT_EQ(dtype_bytes(DType::F4, 2), 1u);
    EXPECT_EQ(dtype_bytes(DType::F4, 3), 2u);
    EXPECT_EQ(dtype_bytes(DType::F6_E2M3, 4), 3u);
    EXPECT_EQ(dtype_bytes(DType::F6_E3M2, 5), 4u);
    EXPECT_EQ(dtype_bytes(DType::C128, 3), 48u);
    EXPECT_EQ(dtype_bytes(DType::F4, uint64_t(1) << 62), uint64_t(1) << 61);
}

TEST(DTypeTest, FloatingIsWhatAMaskCanBeComputedOn) {
    std::string floating;
    for (int i = 0; i < dtype_count; ++i)
        if (is_floating(DType(i))) floating += std::string(dtype_name(DType(i))) + " ";
    EXPECT_EQ(floating, "F64 F32 F16 BF16 F8_E4M3 F8_E5M2 F8_E4M3FNUZ F8_E5M2FNUZ ");
}

}  // namespace
}  // namespace lacuna
