#include "app/cli/text.h"

#include <gtest/gtest.h>

#include "app/cli/console.h"
#include "app/cli/table.h"

namespace lacuna::cli {
namespace {

TEST(Text, Numbers) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(-1234567), "-1,234,567");
    EXPECT_EQ(grouped(-123), "-123");
    EXPECT_EQ(counted(1, "tensor"), "1 tensor");
    EXPECT_EQ(counted(1234, "tensor"), "1,234 tensors");
    EXPECT_EQ(counted(0, "tensor"), "0 tensors");
    EXPECT_EQ(percent_text(0.5), "50.00 %");
}

TEST(Text, BarsFillTheirCells) {
    EXPECT_EQ(bar_text(0.5, 4, false), "[##..]");
    EXPECT_EQ(bar_text(0.5, 4, true), "██··");
    EXPECT_EQ(bar_text(0.375, 4, true), "█▌··");
    EXPECT_EQ(bar_text(2, 2, true), "██");
    EXPECT_EQ(bar_text(-1, 2, true), "··");
    for (int i = 0; i <= 100; ++i) EXPECT_EQ(columns_of(bar_text(i / 100.0, 7, true)), 7u) << i;
}

TEST(Text, ControlsAndBrokenBytesBecomeHarmless) {
    EXPECT_EQ(printable("a\x1b[31mb\nc\xff"), "a?[31mb c?");
    EXPECT_EQ(printable("caf\u00e9"), "caf\u00e9");
    EXPECT_EQ(columns_of("caf\u00e9"), 4u);
}

TEST(Text, ProgressSaysRateAndTimeLeft) {
    EXPECT_EQ(progress_text({"Writing", "B", 450'000'000, 1'000'000'000, 1e8, 5.5}),
              "Writing  45 %  450 MB of 1.00 GB  100 MB/s  6 s left");
    EXPECT_EQ(progress_text({"Pruning", "weights", 10, 100, 0, -1}), "Pruning  10 %  10 of 100 weights");
    EXPECT_EQ(progress_text({"Reading", "samples", 1200, 0, 600, -1}), "Reading  1.20 k samples  600 samples/s");
    EXPECT_EQ(progress_text({"Writing", "B", 0, 100, 1, 100}), "Writing  0 %  0 B of 100 B  1 B/s  1 min 40 s left");
}

TEST(Text, TablesAlignByCharacters) {
    Table table({{"name"}, {"n", Table::Align::right}});
    table.add({"caf\u00e9", "1"});
    table.add({"x", "200"});
    table.add_total({"total", "201"});
    EXPECT_EQ(table.text(Console()), "name     n\ncaf\u00e9     1\nx      200\n----------\ntotal  201\n");
}

}  // namespace
}  // namespace lacuna::cli
