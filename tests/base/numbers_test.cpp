#include "engine/base/numbers.h"

#include <gtest/gtest.h>

namespace lacuna {
namespace {

TEST(Numbers, ThousandsAreSetApart) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1234567), "1,234,567");
    EXPECT_EQ(grouped(-1000), "-1,000");
    EXPECT_EQ(grouped(-999), "-999");
}

TEST(Numbers, OneIsNoPlural) {
    EXPECT_EQ(counted(1, "tensor"), "1 tensor");
    EXPECT_EQ(counted(0, "tensor"), "0 tensors");
    EXPECT_EQ(counted(1234, "tensor"), "1,234 tensors");
}

TEST(Numbers, PercentNeverClaimsAllOrNothingWrongly) {
    EXPECT_EQ(percentage(0), "0.0\u00a0%");
    EXPECT_EQ(percentage(1e-9), "0.1\u00a0%");
    EXPECT_EQ(percentage(0.4821), "48.2\u00a0%");
    EXPECT_EQ(percentage(0.99999), "99.9\u00a0%");
    EXPECT_EQ(percentage(1), "100.0\u00a0%");
}

TEST(Numbers, LargeAndSmallOnesStayShort) {
    EXPECT_EQ(number_text(0.021345), "0.02134");
    EXPECT_EQ(number_text(1.5e-6), "1.5e-06");
    EXPECT_EQ(number_text(0.021345, 2), "0.021");
    EXPECT_EQ(bytes_text(0), "0 B");
    EXPECT_EQ(bytes_text(999), "999 B");
    EXPECT_EQ(bytes_text(999.6), "1.00 kB");
    EXPECT_EQ(bytes_text(12'345'678), "12.3 MB");
    EXPECT_EQ(count_text(950), "950");
    EXPECT_EQ(count_text(1500), "1.50 k");
}

}  // namespace
}  // namespace lacuna
