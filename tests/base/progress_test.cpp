#include "engine/base/progress.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "engine/base/error.h"

namespace lacuna {
namespace {

TEST(Progress, FirstAndLastOfAStageComeThrough) {
    std::vector<ProgressState> seen;
    Progress progress([&](const ProgressState& state) { seen.push_back(state); });
    progress.begin("Writing", 1000, "B");
    for (int i = 0; i < 1000; ++i) progress.advance();
    ASSERT_GE(seen.size(), 2u);
    EXPECT_LT(seen.size(), 100u) << "reports are thinned out";
    EXPECT_EQ(seen.front().done, 0u);
    EXPECT_EQ(seen.back().done, 1000u);
    EXPECT_EQ(seen.back().stage, "Writing");
    EXPECT_EQ(seen.back().unit, "B");
}

TEST(Progress, CancelStopsAtTheNextPoint) {
    CancelToken token;
    Progress progress({}, token);
    progress.begin("Reading", 3, "tensors");
    progress.advance();
    token.cancel();
    EXPECT_TRUE(progress.cancelled());
    EXPECT_THROW(progress.advance(), Cancelled);
    EXPECT_THROW(progress.check(), Cancelled);
    EXPECT_THROW(progress.begin("Again", 1, "B"), Cancelled);
}

TEST(Progress, WhatWasDoneBeforeCountsButNotAsSpeed) {
    ProgressState last;
    Progress progress([&](const ProgressState& state) { last = state; });
    progress.begin("Writing", 1'000'000'000'000, "B");
    progress.skip(999'999'000'000);
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    progress.advance(1000);
    EXPECT_EQ(last.done, 999'999'001'000u);
    EXPECT_LT(last.per_second, 4100);
    EXPECT_GT(last.seconds_left, 200) << "999,000 are left at 4000 a second at most";
    progress.rename("Proving");
    EXPECT_EQ(last.stage, "Proving");
    EXPECT_EQ(last.done, 999'999'001'000u);
}

TEST(Error, IsOneLineOfWhereWhatAndHint) {
    const Error error(ErrorKind::format, "a.pt", "is\ncut short", "download it again");
    EXPECT_STREQ(error.what(), "a.pt: is cut short; download it again");
    EXPECT_EQ(error.where(), "a.pt");
    EXPECT_STREQ(Error(ErrorKind::file, "", "no space").what(), "no space");
}

}  // namespace
}  // namespace lacuna
