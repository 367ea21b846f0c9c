#include "engine/base/output_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "engine/base/error.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;

class OutputFileTest : public testing::Test {
  protected:
    static std::string read(const fs::path& path) { return testing_support::ScratchFolder::read(path); }
    size_t files() const {
        return size_t(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()));
    }

    testing_support::ScratchFolder folder;
};

TEST_F(OutputFileTest, ReplacesTheTargetWhole) {
    write_file(folder / "a", "first");
    write_file(folder / "a", "second");
    EXPECT_EQ(read(folder / "a"), "second");
    EXPECT_EQ(files(), 1u);
}

TEST_F(OutputFileTest, LeavesNothingUnlessCommitted) {
    write_file(folder / "a", "old");
    {
        OutputFile out(folder / "a");
        std::ofstream(out.temporary()) << "half";
        EXPECT_EQ(files(), 2u);
    }
    EXPECT_EQ(read(folder / "a"), "old");
    EXPECT_EQ(files(), 1u);
}

TEST_F(OutputFileTest, KeepsTheModeOfWhatItReplaces) {
    write_file(folder / "a", "x");
    fs::permissions(folder / "a", fs::perms::owner_read | fs::perms::owner_write);
    write_file(folder / "a", "y");
    EXPECT_EQ(fs::status(folder / "a").permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(OutputFileTest, FollowsALinkToItsTarget) {
    write_file(folder / "real", "x");
    fs::create_symlink("real", folder / "link");
    write_file(folder / "link", "y");
    EXPECT_TRUE(fs::is_symlink(folder / "link"));
    EXPECT_EQ(read(folder / "real"), "y");
}

TEST_F(OutputFileTest, SaysWhyItCannotWrite) {
    EXPECT_THROW(write_file(folder.path(), "x"), Error);
    try {
        write_file(folder / "missing/a", "x");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::file);
        EXPECT_NE(std::string(error.what()).find("missing/a: cannot be written"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace lacuna
