#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace lacuna {

/// One entry of a zip archive. Positions are bytes from the file's start.
struct ZipRecord {
    std::string name;
    uint64_t data = 0;  ///< where its bytes lie
    uint64_t compressed = 0, size = 0;
    uint32_t crc = 0;
    int method = 0;  ///< 0 stored, 8 deflated
    uint64_t local_header = 0, central_header = 0;
};

/// The directory of a zip archive that lies in memory (zip64 too). Stored records are seen where they lie, deflated
/// ones are inflated on demand.
class ZipArchive {
  public:
    /// Reads and checks the directory: no encrypted, overlapping or double records. `where` names the file in errors.
    /// Throws Error(format).
    ZipArchive(std::span<const std::byte> file, std::string where);

    const std::vector<ZipRecord>& records() const { return records_; }  ///< in the directory's order
    const ZipRecord* find(const std::string& name) const;
    /// The record's bytes, valid as long as the archive. Throws Error(format) if they do not inflate to what the
    /// directory says.
    std::span<const std::byte> content(const ZipRecord& record);
    /// The same with the checksum compared; for records that are read anyway.
    std::string_view checked_text(const ZipRecord& record);

  private:
    void read_directory();
    void check_overlaps() const;
    [[noreturn]] void fail(const std::string& what) const;

    std::span<const std::byte> file_;
    std::string where_;
    std::vector<ZipRecord> records_;
    std::unordered_map<std::string, size_t> by_name_;
    std::unordered_map<size_t, std::vector<std::byte>> inflated_;  // by record
    uint64_t inflated_bytes_ = 0;
};

/// Where the checksum of a record stands in the file: in the local header or in the data descriptor behind the data,
/// and in the directory. For patching after the data was changed.
std::vector<uint64_t> crc_places(std::span<const std::byte> file, const ZipRecord& record);

}  // namespace lacuna
