#include "engine/session/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace lacuna {
namespace {

TEST(Glob, AWildcardMakesAGlob) {
    EXPECT_TRUE(is_glob("*"));
    EXPECT_TRUE(is_glob("fc?.weight"));
    EXPECT_FALSE(is_glob("blocks[0].weight"));
    EXPECT_FALSE(is_glob(""));
}

TEST(Glob, StarsCrossDots) {
    EXPECT_TRUE(glob_matches("*", ""));
    EXPECT_TRUE(glob_matches("*", "a.b.c"));
    EXPECT_TRUE(glob_matches("encoder.*.weight", "encoder.0.fc1.weight"));
    EXPECT_TRUE(glob_matches("*.weight", "encoder.0.fc1.weight"));
    EXPECT_FALSE(glob_matches("*.weight", "weight"));
    EXPECT_FALSE(glob_matches("*.weight", "fc.weight_v"));
    EXPECT_TRUE(glob_matches("a*b*c", "aXbYbZc"));
    EXPECT_FALSE(glob_matches("a*b*c", "aXcYb"));
    EXPECT_TRUE(glob_matches("**", "x"));
}

TEST(Glob, AQuestionMarkIsOneCharacter) {
    EXPECT_TRUE(glob_matches("fc?", "fc1"));
    EXPECT_FALSE(glob_matches("fc?", "fc"));
    EXPECT_FALSE(glob_matches("fc?", "fc12"));
    EXPECT_TRUE(glob_matches("?", "\u00e9"));
    EXPECT_TRUE(glob_matches("*?x", "\u00e9\u00e9x"));
    EXPECT_FALSE(glob_matches("??", "\u00e9"));
}

TEST(Glob, EverythingElseStandsForItself) {
    EXPECT_TRUE(glob_matches("blocks[0].w", "blocks[0].w"));
    EXPECT_FALSE(glob_matches("blocks[01].w", "blocks0.w"));
    EXPECT_FALSE(glob_matches("a.b", "aXb"));
    EXPECT_TRUE(glob_matches("a\\*", "a\\b"));
    EXPECT_FALSE(glob_matches("A", "a"));
}

TEST(Glob, ManyStarsTakeNoExponentialTime) {
    std::string pattern;
    for (int i = 0; i < 2000; ++i) pattern += "*a";
    EXPECT_FALSE(glob_matches(pattern + "b", std::string(4000, 'a')));
}

}  // namespace
}  // namespace lacuna
