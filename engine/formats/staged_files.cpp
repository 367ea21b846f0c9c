#include "engine/formats/staged_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "engine/base/error.h"

namespace lacuna {
namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const fs::path& path, const std::string& what, const std::string& reason) {
    throw Error(ErrorKind::file, path.string(), what + " (" + reason + ")",
                "check the folder and the room on its disk");
}

void bring_to_disk(const fs::path& file, const fs::path& target) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    const bool good = fd >= 0 && ::fsync(fd) == 0;
    const int code = errno;
    if (fd >= 0) ::close(fd);
    if (!good) fail(target, "cannot be brought to disk", std::strerror(code));
}

}  // namespace

StagedFiles::StagedFiles(fs::path folder) : folder_(std::move(folder)) {
    std::error_code error;
    made_folder_ = fs::create_directory(folder_, error);
    if (!made_folder_ && !fs::is_directory(folder_)) fail(folder_, "is no folder to write to", error.message());
    std::string name = (folder_ / ".lacuna-XXXXXX").string();
    if (!::mkdtemp(name.data())) {
        const int code = errno;
        if (made_folder_) fs::remove(folder_, error);
        fail(folder_, "cannot be written to", std::strerror(code));
    }
    stage_ = name;
}

StagedFiles::~StagedFiles() {
    std::error_code ignored;
    fs::remove_all(stage_, ignored);
    if (made_folder_) fs::remove(folder_, ignored);  // stays if something came into it
}

fs::path StagedFiles::add(const std::string& name) {
    names_.push_back(name);
    const fs::path path = stage_ / name;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) fail(target(name), "cannot be written", error.message());
    return path;
}

void StagedFiles::commit() {
    for (const std::string& name : names_) bring_to_disk(stage_ / name, target(name));
    const auto kept = [this](size_t i) { return stage_ / (".old-" + std::to_string(i)); };
    std::error_code error, ignored;
    for (size_t i = 0; i < names_.size(); ++i) {
        const fs::path to = target(names_[i]);
        fs::create_directories(to.parent_path(), ignored);
        fs::rename(to, kept(i), ignored);  // what was there before, if anything
        fs::rename(stage_ / names_[i], to, error);
        if (!error) continue;
        for (size_t k = i + 1; k-- > 0;) {
            if (k < i) fs::remove(target(names_[k]), ignored);
            fs::rename(kept(k), target(names_[k]), ignored);
        }
        fail(to, "cannot be put in place", error.message());
    }
}

}  // namespace lacuna
