#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <string>
#include <vector>

#include "tests/support/scratch_folder.h"

namespace lacuna::testing_support {

/// How a run of lacuna-cli ended.
struct Outcome {
    int status = -1;  ///< exit status; minus the signal's number if one ended it
    std::string out, err;
    long peak_kilobytes = 0;
};

/// lacuna-cli as a process of its own, as scripts use it.
class Program {
  public:
    explicit Program(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {}
    Program& with(const std::string& variable, const std::string& value) {
        environment_[variable] = value;
        return *this;
    }

    /// No file of its can grow past `bytes`, as on a disk that is full.
    Program& with_room_for(rlim_t bytes) {
        room_ = bytes;
        return *this;
    }

    /// Starts it with standard output and standard error in files, or on `terminal` where one is given, or with
    /// standard output alone to `pipe`.
    pid_t start(int terminal = -1, int pipe = -1) {
        const pid_t child = ::fork();
        if (child != 0) return child;
        for (const auto& [name, value] : environment_) ::setenv(name.c_str(), value.c_str(), 1);
        const int out = terminal >= 0 ? terminal : pipe >= 0 ? pipe : ::creat((folder_ / "out").c_str(), 0600);
        const int err = terminal >= 0 ? terminal : ::creat((folder_ / "err").c_str(), 0600);
        ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(err, STDERR_FILENO);
        if (room_ != RLIM_INFINITY) std::signal(SIGXFSZ, SIG_IGN);
        const rlimit room{room_, RLIM_INFINITY};
        ::setrlimit(RLIMIT_FSIZE, &room);
        std::vector<char*> argv{const_cast<char*>(LACUNA_CLI)};
        for (std::string& argument : arguments_) argv.push_back(argument.data());
        argv.push_back(nullptr);
        ::execv(LACUNA_CLI, argv.data());
        ::_exit(127);
    }

    Outcome finish(pid_t child) const {
        Outcome outcome;
        int status = 0;
        rusage usage{};
        ::wait4(child, &status, 0, &usage);
        outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        outcome.out = ScratchFolder::read(folder_ / "out");
        outcome.err = ScratchFolder::read(folder_ / "err");
        outcome.peak_kilobytes = usage.ru_maxrss;
        return outcome;
    }

    Outcome run() { return finish(start()); }

  private:
    std::vector<std::string> arguments_;
    std::map<std::string, std::string> environment_;
    rlim_t room_ = RLIM_INFINITY;
    ScratchFolder folder_;
};

inline Outcome lacuna_cli(std::vector<std::string> arguments) {
    return Program(std::move(arguments)).run();
}

}  // namespace lacuna::testing_support
