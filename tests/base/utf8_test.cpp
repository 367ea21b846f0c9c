#include "engine/base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace lacuna {
namespace {

TEST(Utf8, ACharacterHasOneToFourBytes) {
    EXPECT_EQ(utf8_length("a×"), 1u);
    EXPECT_EQ(utf8_length(std::string_view("\0a", 2)), 1u);
    EXPECT_EQ(utf8_length("×a"), 2u);
    EXPECT_EQ(utf8_length("…a"), 3u);
    EXPECT_EQ(utf8_length("\U0001F600a"), 4u);
    EXPECT_EQ(utf8_length("\u0080"), 2u);
    EXPECT_EQ(utf8_length("\u0800"), 3u);
    EXPECT_EQ(utf8_length("\U00010000"), 4u);
    EXPECT_EQ(utf8_length("\U0010FFFF"), 4u);
    EXPECT_EQ(utf8_length("\uD7FF"), 3u);
}

TEST(Utf8, WhatIsNoCharacterHasNone) {
    EXPECT_EQ(utf8_length(""), 0u);
    for (const char* broken : {"\x80", "\xBF", "\xC3", "\xC3z", "\xE2\x80", "\xE2\x80z", "\xF0\x9F\x98", "\xFF"})
        EXPECT_EQ(utf8_length(broken), 0u) << broken;
    for (const char* overlong : {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF"})
        EXPECT_EQ(utf8_length(overlong), 0u) << overlong;
    EXPECT_EQ(utf8_length("\xED\xA0\x80"), 0u) << "a surrogate";
    EXPECT_EQ(utf8_length("\xF4\x90\x80\x80"), 0u) << "past the last character";
}

TEST(Utf8, APrefixEndsBetweenCharacters) {
    EXPECT_EQ(utf8_prefix("a×b", 4), "a×b");
    EXPECT_EQ(utf8_prefix("a×b", 9), "a×b");
    EXPECT_EQ(utf8_prefix("a×b", 3), "a×");
    EXPECT_EQ(utf8_prefix("a×b", 2), "a");
    EXPECT_EQ(utf8_prefix("\U0001F600", 3), "");
    EXPECT_EQ(utf8_prefix("", 3), "");
}

}  // namespace
}  // namespace lacuna
