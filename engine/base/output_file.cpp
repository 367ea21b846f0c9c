#include "engine/base/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "engine/base/error.h"

namespace lacuna {
namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const fs::path& path, const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::file, path.string(), what + " (" + std::strerror(errno) + ")", hint);
}

struct Descriptor {
    int fd;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

/// A name beside `target` that no other thread or process takes.
fs::path beside(const fs::path& target) {
    static std::atomic<unsigned> counter{0};
    const std::string suffix = "." + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    return target.parent_path() / ("." + target.filename().string() + suffix);
}

}  // namespace

OutputFile::OutputFile(const fs::path& target) {
    std::error_code ignored;
    target_ = fs::is_symlink(target, ignored) ? fs::weakly_canonical(target, ignored) : target;
    if (fs::is_directory(target_, ignored))
        throw Error(ErrorKind::file, target.string(), "is a folder", "name a file to write");
    const fs::path name = beside(target_);
    const Descriptor made{::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
    if (made.fd < 0) fail(target, "cannot be written", "check that its folder exists and can be written to");
    temporary_ = name;
    struct stat old {};
    if (::stat(target_.c_str(), &old) == 0) ::fchmod(made.fd, old.st_mode & 07777);
}

OutputFile::~OutputFile() {
    std::error_code ignored;
    if (!temporary_.empty()) fs::remove(temporary_, ignored);
}

void OutputFile::commit() {
    const Descriptor file{::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.fd < 0 || ::fsync(file.fd) != 0) fail(target_, "cannot be brought to disk", "check the disk");
    if (::rename(temporary_.c_str(), target_.c_str()) != 0)
        fail(target_, "cannot be replaced", "check that it is no folder and can be written to");
    temporary_.clear();
}

void write_file(const fs::path& target, std::string_view text) {
    OutputFile file(target);
    {
        const Descriptor out{::open(file.temporary().c_str(), O_WRONLY | O_CLOEXEC)};
        for (size_t done = 0; done < text.size();) {
            const ssize_t n = ::write(out.fd, text.data() + done, text.size() - done);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) fail(target, "cannot be written", "check the room on its disk");
            done += size_t(n);
        }
    }
    file.commit();
}

}  // namespace lacuna
