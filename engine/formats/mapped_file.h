#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace lacuna {

/// A file that is mapped read-only; nothing is read until somebody looks. Unmapped with the last owner. It takes no
/// descriptor, so that a checkpoint may have more shards than a program may have open files.
class MappedFile {
  public:
    /// Throws Error(file) where there is no such file, it is a folder or cannot be read, Error(format) if it is empty.
    static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::span<const std::byte> bytes() const { return {data_, size_}; }
    uint64_t size() const { return size_; }

    /// Lets go of what was read of `bytes`, so that a pass over a large file does not fill the memory; the next look
    /// reads it again. Bytes that are not of this mapping are left alone.
    void release(std::span<const std::byte> bytes) const;

    /// True while the file of this path is the one that was mapped: same inode, same length, same time of change.
    bool unchanged() const;
    /// Length and time of change, in words that stay the same as long as the file does.
    std::string version() const;
    /// True if `path` names this very file, be it through a link.
    bool is_at(const std::filesystem::path& path) const;

  private:
    explicit MappedFile(const std::filesystem::path& path);

    std::filesystem::path path_;
    const std::byte* data_ = nullptr;
    size_t size_ = 0;
    uint64_t device_ = 0, inode_ = 0;
    int64_t changed_seconds_ = 0, changed_nanoseconds_ = 0;
};

using MappedFilePtr = std::shared_ptr<const MappedFile>;

}  // namespace lacuna
