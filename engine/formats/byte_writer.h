#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "engine/base/progress.h"

namespace lacuna {

/// Writes a file from front to back, telling `progress` every few megabytes; every piece is a cancellation point.
class ByteWriter {
  public:
    /// Opens `path`, emptying it unless `keep`. Errors speak of `target`, the name that the file will have.
    ByteWriter(const std::filesystem::path& path, std::filesystem::path target, Progress& progress, bool keep = false);
    ~ByteWriter();
    ByteWriter(const ByteWriter&) = delete;
    ByteWriter& operator=(const ByteWriter&) = delete;

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
    /// Leaves room for `count` bytes, which `write_at` fills; returns where it begins.
    uint64_t skip(uint64_t count);
    /// Writes bytes into room that was left, or over bytes that were written before; the place to write on does not
    /// move. Any thread may call it; `written` tells the progress.
    void write_at(uint64_t offset, std::span<const std::byte> bytes) const;
    /// Tells the progress of bytes that `write_at` wrote.
    void written(uint64_t count) { progress_.advance(count); }
    uint64_t position() const { return position_; }
    /// Brings what was written to disk.
    void sync() const;
    /// Closes the file; what the system reports only now is an error too.
    void close();

  private:
    void put(std::span<const std::byte> bytes, uint64_t offset) const;

    std::filesystem::path target_;
    Progress& progress_;
    int file_ = -1;
    uint64_t position_ = 0;
};

}  // namespace lacuna
