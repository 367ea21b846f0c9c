#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/formats/byte_writer.h"
#include "engine/formats/zip_archive.h"

namespace lacuna {

/// Writes a zip archive as PyTorch does: entries stored and aligned to 64 bytes, so that readers can map them.
class ZipWriter {
  public:
    explicit ZipWriter(ByteWriter& out);
    ~ZipWriter();
    ZipWriter(const ZipWriter&) = delete;
    ZipWriter& operator=(const ZipWriter&) = delete;

    void add(const std::string& name, std::span<const std::byte> bytes);
    void add(const std::string& name, std::string_view text) { add(name, std::as_bytes(std::span(text))); }
    /// Carries an entry over as it is, compressed or not.
    void add_raw(const ZipRecord& record, std::span<const std::byte> compressed);
    /// Writes the directory.
    void finish();

    struct Stream;  ///< what minizip writes through

  private:
    void begin(const std::string& name, uint64_t size, int method, bool raw);
    void put(std::span<const std::byte> bytes);
    void check(int status);

    std::unique_ptr<Stream> stream_;
    void* zip_ = nullptr;
};

}  // namespace lacuna
