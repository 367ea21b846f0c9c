#include "engine/formats/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/base/error.h"

namespace lacuna {

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
    return std::shared_ptr<const MappedFile>(new MappedFile(path));
}

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const auto refuse = [&](ErrorKind kind, std::string what, std::string hint = {}) {
        if (file >= 0) ::close(file);
        throw Error(kind, path_.string(), std::move(what), std::move(hint));
    };
    if (file < 0) {
        const int code = errno;
        refuse(ErrorKind::file, code == ENOENT ? "there is no such file" : std::strerror(code),
               code == ENOENT ? "check the path" : "check that it may be read");
    }
    struct stat status {};
    if (::fstat(file, &status) != 0) refuse(ErrorKind::file, std::strerror(errno));
    if (S_ISDIR(status.st_mode))
        refuse(ErrorKind::file, "is a folder, not a file", "name the checkpoint in it, or its .index.json");
    if (!S_ISREG(status.st_mode)) refuse(ErrorKind::file, "is not a regular file", "copy its content to a file first");
    if (status.st_size == 0) refuse(ErrorKind::format, "is empty", "fetch or save it again");
    size_ = size_t(status.st_size);
    device_ = uint64_t(status.st_dev);
    inode_ = uint64_t(status.st_ino);
    changed_seconds_ = status.st_mtim.tv_sec;
    changed_nanoseconds_ = status.st_mtim.tv_nsec;
    void* const mapping = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    if (mapping == MAP_FAILED) refuse(ErrorKind::file, std::string("cannot be mapped: ") + std::strerror(errno));
    ::close(file);
    data_ = static_cast<const std::byte*>(mapping);
}

MappedFile::~MappedFile() {
    ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::release(std::span<const std::byte> bytes) const {
    static const auto page = uint64_t(::sysconf(_SC_PAGESIZE));
    if (bytes.data() < data_ || bytes.data() + bytes.size() > data_ + size_) return;
    const auto offset = uint64_t(bytes.data() - data_);
    const uint64_t begin = (offset + page - 1) / page * page, end = (offset + bytes.size()) / page * page;
    if (begin < end) ::madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_DONTNEED);
}

bool MappedFile::unchanged() const {
    struct stat status {};
    return ::stat(path_.c_str(), &status) == 0 && uint64_t(status.st_dev) == device_ &&
           uint64_t(status.st_ino) == inode_ && size_t(status.st_size) == size_ &&
           status.st_mtim.tv_sec == changed_seconds_ && status.st_mtim.tv_nsec == changed_nanoseconds_;
}

std::string MappedFile::version() const {
    return std::to_string(size_) + " bytes of " + std::to_string(changed_seconds_) + "." +
           std::to_string(changed_nanoseconds_);
}

bool MappedFile::is_at(const std::filesystem::path& path) const {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && uint64_t(status.st_dev) == device_ &&
           uint64_t(status.st_ino) == inode_;
}

}  // namespace lacuna
