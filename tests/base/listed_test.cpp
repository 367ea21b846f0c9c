#include "engine/base/listed.h"

#include <gtest/gtest.h>

#include <vector>

namespace lacuna {
namespace {

TEST(Listed, names_a_few) {
    const std::vector<std::string> names{"a", "b", "c", "d", "e"};
    const auto first = [&](size_t count) { return listed(std::span(names).first(count)); };
    EXPECT_EQ(first(0), "");
    EXPECT_EQ(first(1), "a");
    EXPECT_EQ(first(2), "a and b");
    EXPECT_EQ(first(4), "a, b, c and d");
    EXPECT_EQ(first(5), "a, b, c and 2 more");
}

}  // namespace
}  // namespace lacuna
