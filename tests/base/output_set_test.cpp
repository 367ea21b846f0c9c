#include "engine/base/output_set.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "engine/base/output_file.h"
#include "tests/support/few_descriptors.h"
#include "tests/support/scratch_folder.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing_support::ScratchFolder;

size_t entries(const fs::path& folder) {
    return size_t(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(OutputSet, FilesAppearTogether) {
    const ScratchFolder folder;
    folder.write("b", "old b");
    fs::create_directory(folder / "sub");
    {
        OutputSet outputs;
        write_file(outputs.stage(folder / "a"), "new a");
        write_file(outputs.stage(folder / "b"), "new b");
        write_file(outputs.stage(folder / "sub/c"), "new c");
        EXPECT_EQ(ScratchFolder::read(folder / "b"), "old b");
        EXPECT_FALSE(fs::exists(folder / "a"));
        outputs.commit();
        EXPECT_EQ(ScratchFolder::read(folder / "a"), "new a");
    }
    EXPECT_EQ(ScratchFolder::read(folder / "b"), "new b");
    EXPECT_EQ(ScratchFolder::read(folder / "sub/c"), "new c");
    EXPECT_EQ(entries(folder.path()), 3u) << "nothing else is left";
    EXPECT_EQ(entries(folder / "sub"), 1u);
}

TEST(OutputSet, WithoutCommitNothingHappened) {
    const ScratchFolder folder;
    folder.write("a", "old");
    {
        OutputSet outputs;
        write_file(outputs.stage(folder / "a"), "new");
    }
    EXPECT_EQ(ScratchFolder::read(folder / "a"), "old");
    EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(OutputSet, AFailureOnTheWayPutsEverythingBack) {
    const ScratchFolder folder;
    folder.write("a", "old a");
    {
        OutputSet outputs;
        write_file(outputs.stage(folder / "a"), "new a");
        write_file(outputs.stage(folder / "fresh"), "new");
        write_file(outputs.stage(folder / "late"), "new");
        fs::create_directory(folder / "late");  // the target became a folder meanwhile
        EXPECT_THROW(outputs.commit(), Error);
    }
    EXPECT_EQ(ScratchFolder::read(folder / "a"), "old a");
    EXPECT_FALSE(fs::exists(folder / "fresh"));
    EXPECT_EQ(entries(folder.path()), 2u);
}

TEST(OutputSet, ShardsFollowTheirIndex) {
    const ScratchFolder folder;
    OutputSet outputs;
    const fs::path index = outputs.stage(folder / "index.json");
    write_file(index, "{}");
    fs::create_directory(index.parent_path() / "shards");
    write_file(index.parent_path() / "shards/1", "one");
    outputs.add(index);
    outputs.add(index.parent_path() / "shards/1");
    outputs.commit();
    EXPECT_EQ(ScratchFolder::read(folder / "shards/1"), "one");
    EXPECT_EQ(ScratchFolder::read(folder / "index.json"), "{}");
    EXPECT_THROW(outputs.add("/somewhere/else"), Error);
}

TEST(OutputSet, RefusesWhatCannotBeReplaced) {
    const ScratchFolder folder;
    folder.write("input", "data");
    fs::create_hard_link(folder / "input", folder / "same");
    fs::create_symlink(folder / "input", folder / "link");
    OutputSet outputs;
    outputs.protect(folder / "input");
    const auto problem = [&](const fs::path& target) -> std::string {
        try {
            outputs.stage(target);
        } catch (const Error& error) {
            return error.what();
        }
        return "no error";
    };
    for (const char* name : {"input", "same", "link"}) EXPECT_THAT(problem(folder / name), HasSubstr("is being read"));
    EXPECT_THAT(problem(folder.path()), HasSubstr("is a folder"));
    EXPECT_THAT(problem(folder / "new/"), HasSubstr("is a folder"));
    EXPECT_THAT(problem("/dev/null"), HasSubstr("not a regular file"));
    EXPECT_THAT(problem(folder / "missing/x"), HasSubstr("check that it exists"));
}

TEST(OutputSet, MakesALastFolderIfAskedAndTakesItBack) {
    const ScratchFolder folder;
    for (const bool commit : {false, true}) {
        {
            OutputSet outputs;
            write_file(outputs.stage(folder / "new/x", true), "x");
            EXPECT_TRUE(fs::is_directory(folder / "new"));
            if (commit) outputs.commit();
        }
        EXPECT_EQ(fs::exists(folder / "new/x"), commit);
        EXPECT_EQ(fs::exists(folder / "new"), commit);
    }
    OutputSet outputs;
    EXPECT_THROW(outputs.stage(folder / "a/b/x", true), Error);
}

TEST(OutputSet, KeepsLinksAndPermissions) {
    const ScratchFolder folder;
    fs::permissions(folder.write("real", "old"), fs::perms::owner_read | fs::perms::owner_write);
    fs::create_symlink("real", folder / "link");
    OutputSet outputs;
    write_file(outputs.stage(folder / "link"), "new");
    outputs.commit();
    EXPECT_TRUE(fs::is_symlink(folder / "link"));
    EXPECT_EQ(ScratchFolder::read(folder / "real"), "new");
    EXPECT_EQ(fs::status(folder / "real").permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST(OutputSet, ErrorsSpeakOfTargets) {
    const ScratchFolder folder;
    OutputSet outputs;
    const fs::path staged = outputs.stage(folder / "a");
    const Error error = outputs.restated(Error(ErrorKind::file, staged.string(), "is full", "make room"));
    EXPECT_EQ(error.where(), (folder / "a").string());
    EXPECT_EQ(error.hint(), "make room");
}

TEST(OutputSet, AFolderIsLeftOverOnceItsProgramIsGone) {
    const ScratchFolder folder;
    fs::path staged;
    {
        OutputSet outputs;
        staged = outputs.stage(folder / "a");
        write_file(staged, "half a file");
        EXPECT_TRUE(OutputSet::left_over(folder.path()).empty()) << "in use";
        OutputSet::clear(staged.parent_path());
        EXPECT_TRUE(fs::exists(staged)) << "in use";
        OutputSet other;
        EXPECT_FALSE(other.adopt(folder.path(), staged.parent_path())) << "in use";
        outputs.keep();
    }
    EXPECT_THAT(OutputSet::left_over(folder.path()), testing::ElementsAre(staged.parent_path()));
    {
        OutputSet outputs;
        ASSERT_TRUE(outputs.adopt(folder.path(), staged.parent_path()));
        EXPECT_TRUE(OutputSet::left_over(folder.path()).empty());
        EXPECT_EQ(outputs.stage(folder / "a"), staged);
        outputs.keep();
    }
    OutputSet::clear(staged.parent_path());
    EXPECT_EQ(entries(folder.path()), 0u);
    fs::create_directory(folder / ".lacuna-of-somebody");
    EXPECT_TRUE(OutputSet::left_over(folder.path()).empty()) << "no lock, so not ours";
}

TEST(OutputSet, WithoutADescriptorForTheLockItFailsOnceAndLeavesNothing) {
    const ScratchFolder folder;
    std::string problem;
    {
        const testing_support::FewDescriptors none(0);
        OutputSet outputs;
        try {
            outputs.stage(folder / "new/a", true);
        } catch (const Error& error) {
            problem = error.what();
        }
    }
    {
        const testing_support::FewDescriptors one(1);
        OutputSet().stage(folder / "a");
    }
    EXPECT_THAT(problem, HasSubstr("cannot be written into this folder (Too many open files)"));
    EXPECT_THAT(problem, HasSubstr("ulimit -n"));
    EXPECT_EQ(entries(folder.path()), 0u);
}

}  // namespace
}  // namespace lacuna
