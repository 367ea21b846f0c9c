#include "engine/base/output_set.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace lacuna {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const fs::path& path, const std::string& what, const std::string& hint) {
    throw Error(ErrorKind::file, path.string(), what, hint);
}

std::string with_reason(const std::string& what, const std::error_code& code) {
    return what + " (" + code.message() + ")";
}

/// The file behind a symbolic link, so that the link stays one.
fs::path followed(const fs::path& target) {
    std::error_code ignored;
    return fs::is_symlink(target, ignored) ? fs::weakly_canonical(target, ignored) : target;
}

fs::path parent_of(const fs::path& target) {
    return target.has_parent_path() ? target.parent_path() : fs::path(".");
}

constexpr const char* lock_name = ".lacuna-lock";
constexpr std::string_view staging_prefix = ".lacuna-";

/// Locks a staging folder, `create` where it is our own; −1 and errno if it cannot be had: EWOULDBLOCK if another
/// program has it, ENOENT if it is gone.
int lock_folder(const fs::path& staging, bool create) {
    const int fd = ::open((staging / lock_name).c_str(), O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
    if (fd < 0) return -1;
    struct stat status {};
    int code = 0;
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && (errno == EWOULDBLOCK || !create))
        code = errno;
    else if (::fstat(fd, &status) != 0)
        code = errno;
    else if (status.st_nlink == 0)  // it was cleared meanwhile
        code = ENOENT;
    if (code == 0) return fd;
    ::close(fd);
    errno = code;
    return -1;
}

struct Staging {
    std::string folder;
    int lock = -1;
    std::error_code problem;  ///< why there is none
};

/// Makes a hidden folder and locks it. Another program may take it for left over and clear it before it is locked:
/// then another one is made.
Staging new_staging(const fs::path& parent) {
    Staging staging;
    for (int attempt = 0; attempt < 10; ++attempt) {
        staging.folder = (parent / ".lacuna-XXXXXX").string();
        if (!::mkdtemp(staging.folder.data())) {
            staging.problem.assign(errno, std::generic_category());
            return staging;
        }
        staging.lock = lock_folder(staging.folder, true);
        if (staging.lock >= 0) return staging;
        staging.problem.assign(errno, std::generic_category());
        ::unlink((fs::path(staging.folder) / lock_name).c_str());
        ::rmdir(staging.folder.c_str());  // remove_all needs what may be lacking: a descriptor
        if (staging.problem.value() != ENOENT && staging.problem.value() != EWOULDBLOCK) break;
    }
    return staging;
}

std::string hint_for(const std::error_code& code) {
    if (code.value() == EMFILE || code.value() == ENFILE) return "allow more open files (ulimit -n)";
    if (code.value() == ENOSPC || code.value() == EDQUOT) return "check the room on its disk";
    return "check that it exists and can be written to";
}

void bring_to_disk(const fs::path& file, const fs::path& target) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    const bool good = fd >= 0 && ::fsync(fd) == 0;
    const std::error_code code(errno, std::generic_category());
    if (fd >= 0) ::close(fd);
    if (!good) fail(target, with_reason("cannot be brought to disk", code), "check the room on its disk");
}

}  // namespace

OutputSet::~OutputSet() {
    std::error_code ignored;
    for (const Folder& folder : folders_) {
        std::error_code failed;
        if (!keep_) fs::remove_all(folder.staging, failed);
        if (folder.lock >= 0) ::close(folder.lock);
        if (failed) fs::remove_all(folder.staging, ignored);  // the lock may have had the last descriptor
        if (folder.made) fs::remove(folder.target, ignored);  // stays if something came into it
    }
}

fs::path OutputSet::folder_of(const fs::path& target) {
    return parent_of(followed(target));
}

std::vector<fs::path> OutputSet::left_over(const fs::path& folder) {
    std::vector<fs::path> found;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
        if (!entry.path().filename().string().starts_with(staging_prefix) || !entry.is_directory(ignored)) continue;
        const int lock = lock_folder(entry.path(), false);
        if (lock < 0) continue;
        ::close(lock);
        found.push_back(folder / entry.path().filename());
    }
    std::sort(found.begin(), found.end());
    return found;
}

void OutputSet::clear(const fs::path& staging) {
    const int lock = lock_folder(staging, false);
    if (lock < 0) return;
    std::error_code ignored;
    fs::remove_all(staging, ignored);
    ::close(lock);
}

bool OutputSet::adopt(const fs::path& folder, const fs::path& staging) {
    const int lock = lock_folder(staging, false);
    if (lock < 0) return false;
    folders_.push_back({folder, staging, false, lock});
    return true;
}

void OutputSet::protect(const fs::path& input) {
    protected_.push_back(input);
}

void OutputSet::check_target(const fs::path& target) const {
    std::error_code code;
    if (target.filename().empty() || fs::is_directory(target, code))
        fail(target, "is a folder", "name a file to write");
    if (!fs::exists(target, code)) return;
    if (!fs::is_regular_file(target, code)) fail(target, "is not a regular file", "name a file to write");
    for (const fs::path& input : protected_)
        if (fs::equivalent(target, input, code))
            fail(target, "is a file that is being read, and would be replaced", "choose another name");
}

const OutputSet::Folder& OutputSet::folder_for(const fs::path& parent, bool make) {
    const auto known =
        std::find_if(folders_.begin(), folders_.end(), [&](const Folder& f) { return f.target == parent; });
    if (known != folders_.end()) return *known;
    std::error_code ignored;
    const bool made = make && fs::create_directory(parent, ignored);
    const Staging staging = new_staging(parent);
    if (staging.lock < 0) {
        if (made) fs::remove(parent, ignored);
        fail(parent, with_reason("files cannot be written into this folder", staging.problem),
             hint_for(staging.problem));
    }
    folders_.push_back({parent, staging.folder, made, staging.lock});
    return folders_.back();
}

fs::path OutputSet::stage(const fs::path& target, bool make_folder) {
    const fs::path real = followed(target);
    check_target(real);
    const fs::path staged = folder_for(parent_of(real), make_folder).staging / real.filename();
    const auto same = [&](const Entry& entry) { return entry.staged == staged; };
    if (std::any_of(entries_.begin(), entries_.end(), same)) fail(target, "is named for two files", "give each a name");
    entries_.push_back({staged, real, {}});
    return staged;
}

void OutputSet::add(const fs::path& written) {
    for (const Entry& entry : entries_)
        if (entry.staged == written) return;
    for (const Folder& folder : folders_) {
        const fs::path relative = written.lexically_relative(folder.staging);
        if (relative.empty() || *relative.begin() == "..") continue;
        const fs::path target = followed(folder.target / relative);
        check_target(target);
        entries_.push_back({written, target, {}});
        return;
    }
    throw Error(ErrorKind::argument, written.string(), "was not written beside a staged file", "stage it first");
}

void OutputSet::move_into_place(Entry& entry, size_t number) {
    std::error_code code;
    const fs::path parent = parent_of(entry.target);
    if (!fs::exists(parent, code) && fs::create_directories(parent, code)) made_.push_back(parent);
    if (fs::exists(entry.target, code)) {
        const fs::path backup = folder_for(parent, false).staging / ("replaced-" + std::to_string(number));
        fs::permissions(entry.staged, fs::status(entry.target).permissions(), code);
        fs::create_hard_link(entry.target, backup, code);
        if (code) fs::rename(entry.target, backup, code);  // a file system without hard links
        if (code) fail(entry.target, with_reason("cannot be replaced", code), "check that it can be written to");
        entry.backup = backup;
    }
    fs::rename(entry.staged, entry.target, code);
    if (code) fail(entry.target, with_reason("cannot be put in place", code), "check that it can be written to");
    entry.moved = true;
}

void OutputSet::commit() {
    try {
        for (const Entry& entry : entries_) {
            check_target(entry.target);
            bring_to_disk(entry.staged, entry.target);
        }
        for (size_t i = entries_.size(); i-- > 0;) move_into_place(entries_[i], i);
    } catch (...) {
        undo();
        throw;
    }
    entries_.clear();
    keep_ = false;
}

void OutputSet::undo() noexcept {
    std::error_code ignored;
    for (Entry& entry : entries_) {
        if (!entry.backup.empty())
            fs::rename(entry.backup, entry.target, ignored);
        else if (entry.moved)
            fs::remove(entry.target, ignored);
        entry.backup.clear();
        entry.moved = false;
    }
    for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) fs::remove(*folder, ignored);
}

Error OutputSet::restated(const Error& error) const {
    std::string where = error.where(), problem = error.problem();
    for (std::string* text : {&where, &problem})
        for (const Folder& folder : folders_)
            for (size_t at; (at = text->find(folder.staging.string())) != std::string::npos;)
                text->replace(at, folder.staging.string().size(), folder.target.string());
    return Error(error.kind(), where, problem, error.hint());
}

}  // namespace lacuna
