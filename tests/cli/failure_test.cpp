// After a failure, or Ctrl-C, every file is as it was.
#include <gmock/gmock.h>
#include <pty.h>

#include <chrono>
#include <thread>

#include "tests/cli/workplace.h"

namespace lacuna {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using namespace testing_support;

class Failure : public testing::Test {
  protected:
    void SetUp() override {
        for (const char* name : {"out", "masks", "report"}) place.folder.write(name, std::string("old ") + name);
    }
    std::vector<std::string> all_outputs() const {
        return {"--masks", place.at("masks"), "--report", place.at("report")};
    }
    /// Runs `arguments`, which must fail with `status` and a line that holds `fragment`, and change nothing.
    void expect_untouched(std::vector<std::string> arguments, int status, const std::string& fragment) const {
        const auto before = place.files();
        const Outcome outcome = lacuna_cli(std::move(arguments));
        EXPECT_EQ(outcome.status, status) << outcome.err;
        EXPECT_THAT(outcome.err, StartsWith("error: "));
        EXPECT_THAT(outcome.err, HasSubstr(fragment));
        EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
        EXPECT_EQ(outcome.out, "");
        EXPECT_TRUE(place.files() == before) << fragment;
    }
    Workplace place;
};

TEST_F(Failure, ABadRecipe) {
    place.folder.write("half.yaml", "version: 1\ngroups: []\n");
    expect_untouched(place.prune_arguments(all_outputs()), 1, "half.yaml:2: groups");
}

TEST_F(Failure, ABadModel) {
    place.folder.write("model.safetensors", "no model");
    expect_untouched(place.prune_arguments(all_outputs()), 1, "model.safetensors");
}

TEST_F(Failure, AnOutputThatCannotBeWritten) {
    expect_untouched(place.prune_arguments({"--masks", place.at("missing/masks"), "--report", place.at("report")}), 1,
                     "missing");
    expect_untouched(place.prune_arguments({"--masks", place.at("masks"), "--report", place.at("missing/report")}), 1,
                     "missing");
    fs::create_directory(place.at("folder"));
    expect_untouched(place.prune_arguments({"--masks", place.at("masks"), "--report", place.at("folder")}), 1,
                     "is a folder");
    expect_untouched(place.prune_arguments({"--report", "/dev/null"}), 1, "not a regular file");
}

TEST_F(Failure, AFormatThatCannotHoldTheModel) {
    expect_untouched(place.prune_arguments({"--format", "torchscript", "--masks", place.at("masks")}), 1,
                     "torchscript");
}

TEST_F(Failure, AnInputThatWouldBeReplaced) {
    fs::create_symlink("model.safetensors", place.at("link"));
    for (const char* input : {"model.safetensors", "half.yaml", "link"}) {
        expect_untouched(
            {"prune", place.at("model.safetensors"), "--recipe", place.at("half.yaml"), "--out", place.at(input)}, 1,
            "being read");
        expect_untouched(place.prune_arguments({"--masks", place.at(input)}), 1, "being read");
        expect_untouched(place.prune_arguments({"--report", place.at(input)}), 1, "being read");
    }
    expect_untouched({"inspect", place.at("model.safetensors"), "--json", place.at("model.safetensors")}, 1,
                     "being read");
}

TEST_F(Failure, TwoOutputsOfOneName) {
    expect_untouched(place.prune_arguments({"--masks", place.at("out")}), 2, "--out and --masks name the same file");
    expect_untouched(place.prune_arguments({"--masks", place.at("report"), "--report", place.at("./report")}), 2,
                     "--masks and --report name the same file");
    fs::create_symlink("out", place.at("link"));
    expect_untouched(place.prune_arguments({"--report", place.at("link")}), 2, "--out and --report");
    expect_untouched(place.prune_arguments({"--masks", place.at("new"), "--report", place.at("x/../new")}), 2,
                     "same file");
}

TEST_F(Failure, StandardOutputThatIsFull) {
    const auto before = place.files();
    const int full = ::open("/dev/full", O_WRONLY);
    ASSERT_GE(full, 0);
    Program program(place.prune_arguments({"--report", "-", "--masks", place.at("masks")}));
    EXPECT_EQ(program.finish(program.start(full)).status, 1);
    ::close(full);
    EXPECT_TRUE(place.files() == before);
}

TEST_F(Failure, ADiskThatIsFullNamesTheFileThatWasMeant) {
    nlohmann::ordered_json map;
    for (const char* tensor : {"fc2.weight", "fc1.weight", "fc1.bias", "conv.weight", "steps"})
        map[tensor] = "model.safetensors";
    place.folder.write("model.index.json", nlohmann::ordered_json{{"weight_map", map}}.dump());
    const auto before = place.files();
    Program program(
        {"prune", place.at("model.index.json"), "--recipe", place.at("half.yaml"), "--out", place.at("new/")});
    const Outcome outcome = program.with_room_for(180).run();  // for the error's line, not for the journal's
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr(place.at("new/.lacuna-journal: cannot be written")));
    EXPECT_TRUE(place.files() == before);
}

TEST_F(Failure, APipeThatNobodyReads) {
    const auto before = place.files();
    for (const std::vector<std::string>& arguments :
         {place.prune_arguments({"--report", "-", "--masks", place.at("masks")}),
          std::vector<std::string>{"inspect", place.at("model.safetensors"), "--sparsity"},
          std::vector<std::string>{"recipe"}}) {
        int pipe[2];
        ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
        ::close(pipe[0]);
        Program program(arguments);
        const Outcome outcome = program.finish(program.start(-1, pipe[1]));
        ::close(pipe[1]);
        EXPECT_EQ(outcome.status, 128 + SIGPIPE);
        EXPECT_EQ(outcome.err, "");
        EXPECT_TRUE(place.files() == before);
    }
}

TEST_F(Failure, AGpuThatIsNotThere) {
    expect_untouched(place.prune_arguments({"--device", "cuda"}), 1, "leave it out");
}

TEST_F(Failure, Interrupted) {
    place.folder.write("half.yaml",
                       "version: 1\ngroups: [{layers: '*', sparsifier: weight_norm, score: original}]\nsteps: 10000\n");
    write_safetensors(place.folder / "model.safetensors", {random_weights("w", {1500, 1500}, 1)});
    const auto before = place.files();
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        Program program(place.prune_arguments(all_outputs()));
        const pid_t child = program.start();
        const auto staged = [&] {
            return std::any_of(
                fs::directory_iterator(place.folder.path()), fs::directory_iterator(),
                [](const auto& entry) { return entry.path().filename().string().starts_with(".lacuna-"); });
        };
        for (int i = 0; i < 1000 && !staged(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        ::kill(child, signal);
        const Outcome outcome = program.finish(child);
        EXPECT_EQ(outcome.status, 128 + signal);
        EXPECT_EQ(outcome.err, "error: stopped; every file is as it was\n");
        EXPECT_TRUE(place.files() == before);
    }
}

/// What the program writes to a terminal.
std::string on_terminal(Program& program) {
    int ours = -1, theirs = -1;
    if (::openpty(&ours, &theirs, nullptr, nullptr, nullptr) != 0) return "no terminal";
    const pid_t child = program.with("TERM", "xterm").start(theirs);
    ::close(theirs);
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = ::read(ours, buffer, sizeof buffer)) > 0;) text.append(buffer, size_t(n));
    program.finish(child);
    ::close(ours);
    return text;
}

TEST_F(Failure, ColoursAndProgressAreForTerminals) {
    Program coloured(place.prune_arguments()), uncoloured(place.prune_arguments());
    const std::string shown = on_terminal(coloured.with("LC_ALL", "C.UTF-8"));
    EXPECT_THAT(shown, HasSubstr("\r\x1b[K")) << "the progress line is taken away at the end";
    EXPECT_THAT(shown, HasSubstr("Pruning  0 %"));
    EXPECT_THAT(shown, HasSubstr("\x1b[1m"));
    EXPECT_THAT(shown, HasSubstr("█"));
    const std::string plain = on_terminal(uncoloured.with("NO_COLOR", "1").with("LC_ALL", "C"));
    EXPECT_THAT(plain, Not(HasSubstr("\x1b[1m")));
    EXPECT_THAT(plain, HasSubstr("########"));
}

TEST_F(Failure, NamesCannotReachTheTerminalsControls) {
    write_safetensors(place.folder / "model.safetensors", {random_weights("evil\x1b[2J.weight", {4, 4}, 1)});
    EXPECT_THAT(lacuna_cli({"inspect", place.at("model.safetensors")}).out, HasSubstr("evil?[2J.weight"));
    const Outcome outcome = lacuna_cli({"inspect", place.at("no\x1b[2J\nfile")});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr("no?[2J file"));
}

}  // namespace
}  // namespace lacuna
