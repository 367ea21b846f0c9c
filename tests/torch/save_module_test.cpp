#include "engine/torch/save_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torch/script.h>

#include <csignal>

#include "engine/torch/load_module.h"
#include "tests/support/problem_of.h"
#include "tests/support/scratch_folder.h"
#include "tests/torch/scripts.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using namespace testing_support;

/// No file may grow past `bytes` while it lives: as on a disk that is full.
class FullDisk {
  public:
    explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit low{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &low);
    }
    ~FullDisk() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

  private:
    rlimit before_{};
    void (*handler_)(int);
};

class SaveModule : public testing::Test {
  protected:
    size_t files() const {
        return size_t(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()));
    }
    ScratchFolder folder;
    torch::jit::Module module = layer(at::ones({64, 64}));
};

TEST_F(SaveModule, the_name_of_the_file_is_not_in_it) {
    save_module(module, folder / "one.pt");
    save_module(module, folder / "a much longer name, other ending.jit");
    const std::string bytes = ScratchFolder::read(folder / "one.pt");
    EXPECT_EQ(bytes, ScratchFolder::read(folder / "a much longer name, other ending.jit"));
    EXPECT_THAT(bytes, HasSubstr("archive/data.pkl"));
    EXPECT_TRUE(load_module(folder / "one.pt").attr("weight").toTensor().equal(at::ones({64, 64})));
    EXPECT_EQ(files(), 2u);
}

TEST_F(SaveModule, a_full_disk_is_one_error_and_leaves_what_was_there) {
    folder.write("model.pt", "as it was");
    for (const rlim_t room : {0, 100, 9000, 17000}) {  // in the first write, in the middle, in the zip's directory
        const FullDisk full(room);
        EXPECT_THAT(problem_of([&] { save_module(module, folder / "model.pt"); }),
                    AllOf(StartsWith((folder / "model.pt").string() + ": cannot be written ("), HasSubstr("disk")))
            << room;
    }
    EXPECT_EQ(ScratchFolder::read(folder / "model.pt"), "as it was");
    EXPECT_EQ(files(), 1u);
}

TEST_F(SaveModule, a_folder_that_is_not_there) {
    EXPECT_THAT(problem_of([&] { save_module(module, folder / "none/model.pt"); }),
                AllOf(HasSubstr("none/model.pt: cannot be written"), HasSubstr("check that its folder exists")));
    fs::create_directory(folder / "model.pt");
    EXPECT_THAT(problem_of([&] { save_module(module, folder / "model.pt"); }), HasSubstr("is a folder"));
    EXPECT_EQ(files(), 1u);
}

}  // namespace
}  // namespace lacuna
