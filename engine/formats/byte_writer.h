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
    /// Opens `path`, emptying it. Errors speak of `target`, the name that the file will have.
    ByteWriter(const std::filesystem::path& path, std::filesystem::path target, Progress& progress);
    ~ByteWriter();
    ByteWriter(const ByteWriter&) = delete;
    ByteWriter& operator=(const ByteWriter&) = delete;

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
    void write_zeros(uint64_t count);
    /// Replaces bytes that were written before; the place to write on does not move.
    void write_at(uint64_t offset, std::span<const std::byte> bytes);
    uint64_t position() const { return position_; }
    /// Closes the file; what the system reports only now is an error too.
    void close();

  private:
    void put(std::span<const std::byte> bytes, uint64_t offset);

    std::filesystem::path target_;
    Progress& progress_;
    int file_ = -1;
    uint64_t position_ = 0;
};

}  // namespace lacuna
