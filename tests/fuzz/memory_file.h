#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace lacuna::fuzz {

/// Bytes as a file that has a path and lies on no disk.
class MemoryFile {
  public:
    MemoryFile(const void* data, size_t size) : file_(::memfd_create("input", 0)) {
        complete_ = file_ >= 0 && ::write(file_, data, size) == ssize_t(size);
    }
    ~MemoryFile() {
        if (file_ >= 0) ::close(file_);
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    explicit operator bool() const { return complete_; }
    std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(file_); }

  private:
    int file_;
    bool complete_;
};

}  // namespace lacuna::fuzz
