#include "ui/shell/text_format.h"

#include <gtest/gtest.h>

namespace lacuna::ui {
namespace {

TEST(TextFormat, GroupsThousands) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(1234567), "1,234,567");
    EXPECT_EQ(grouped(-1000), "-1,000");
}

TEST(TextFormat, PercentNeverClaimsAllOrNothingWrongly) {
    EXPECT_EQ(percent_text(0), "0.0\u00a0%");
    EXPECT_EQ(percent_text(1e-9), "0.1\u00a0%");
    EXPECT_EQ(percent_text(0.4821), "48.2\u00a0%");
    EXPECT_EQ(percent_text(0.99999), "99.9\u00a0%");
    EXPECT_EQ(percent_text(1), "100.0\u00a0%");
}

TEST(TextFormat, ShapesBytesAndTimes) {
    EXPECT_EQ(shape_text({}), "scalar");
    EXPECT_EQ(shape_text({64, 3, 3, 3}), "64×3×3×3");
    EXPECT_EQ(bytes_text(999), "999\u00a0B");
    EXPECT_EQ(bytes_text(1000), "1.00\u00a0kB");
    EXPECT_EQ(bytes_text(98.1e6), "98.1\u00a0MB");
    EXPECT_EQ(count_text(45'088'768), "45.1\u00a0M");
    EXPECT_EQ(duration_text(7.2), "8 s");
    EXPECT_EQ(duration_text(125), "2 min 05 s");
    EXPECT_EQ(duration_text(4200), "1 h 10 min");
}

TEST(TextFormat, ProgressLeavesOutWhatIsNotKnown) {
    EXPECT_EQ(progress_text({"Opening", "", 0, 0, 0, -1}), "Opening");
    EXPECT_EQ(progress_text({"Writing", "B", 12'000'000, 98'100'000, 31'200'000, 2.8}),
              "Writing · 12.0\u00a0MB of 98.1\u00a0MB · 31.2\u00a0MB/s · 3 s left");
    EXPECT_EQ(progress_text({"Evaluating", "samples", 5, 360, 0, -1}), "Evaluating · 5 of 360 samples");
}

TEST(TextFormat, NamesAndCounts) {
    EXPECT_EQ(counted(1, "tensor"), "1 tensor");
    EXPECT_EQ(counted(1200, "tensor"), "1,200 tensors");
    EXPECT_EQ(title_from_name("sparse_block_shape"), "Sparse block shape");
    EXPECT_EQ(title_from_name("init_sl"), "First sparsity level");
}

}  // namespace
}  // namespace lacuna::ui
