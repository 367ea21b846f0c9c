#include "engine/formats/zip_archive.h"

#include <minizip/unzip.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "engine/base/error.h"

namespace lacuna {
namespace {

constexpr uint32_t local_signature = 0x04034b50, central_signature = 0x02014b50, descriptor_signature = 0x08074b50,
                   end_signature = 0x06054b50;
constexpr uint64_t central_header_size = 46;

/// A number of `width` bytes in the file, 0 where it would lie outside.
uint64_t number_at(std::span<const std::byte> file, uint64_t at, size_t width) {
    if (at > file.size() || file.size() - at < width) return 0;
    uint64_t value = 0;
    for (size_t i = width; i-- > 0;) value = value << 8 | uint64_t(file[at + i]);
    return value;
}

/// Where the local header of a directory entry lies. Offsets of 4 GiB and more stand in the zip64 field, behind those
/// of the two sizes that do not fit either.
uint64_t local_header_of(std::span<const std::byte> file, uint64_t central) {
    constexpr uint64_t too_large = 0xffffffff;
    const uint64_t offset = number_at(file, central + 42, 4);
    if (offset != too_large) return offset;
    uint64_t at = central + central_header_size + number_at(file, central + 28, 2);
    const uint64_t end = at + number_at(file, central + 30, 2);
    for (; at + 4 <= end; at += 4 + number_at(file, at + 2, 2)) {
        if (number_at(file, at, 2) != 1) continue;
        const uint64_t sizes =
            (number_at(file, central + 24, 4) == too_large) + (number_at(file, central + 20, 4) == too_large);
        return number_at(file, at + 4 + 8 * sizes, 8);
    }
    return too_large;
}

/// Whether an end record stands where one can: minizip takes one that is cut off.
bool has_whole_end(std::span<const std::byte> file) {
    constexpr uint64_t end_record = 22, longest_comment = 0xffff;
    for (uint64_t comment = 0; comment <= longest_comment && comment + end_record <= file.size(); ++comment) {
        const uint64_t at = file.size() - end_record - comment;
        if (number_at(file, at, 4) == end_signature && number_at(file, at + 20, 2) == comment) return true;
    }
    return false;
}

/// minizip's view of the mapped file.
struct MemoryFile {
    std::span<const std::byte> bytes;
    uint64_t at = 0;
};

MemoryFile& memory(voidpf stream) {
    return *static_cast<MemoryFile*>(stream);
}

zlib_filefunc64_def memory_functions(MemoryFile& file) {
    zlib_filefunc64_def functions{};
    functions.opaque = &file;
    functions.zopen64_file = [](voidpf opaque, const void*, int) { return opaque; };
    functions.zread_file = [](voidpf, voidpf stream, void* buffer, uLong size) -> uLong {
        MemoryFile& f = memory(stream);
        const uint64_t count = std::min<uint64_t>(size, f.bytes.size() - f.at);
        if (count > 0) std::memcpy(buffer, f.bytes.data() + f.at, count);
        f.at += count;
        return uLong(count);
    };
    functions.zwrite_file = [](voidpf, voidpf, const void*, uLong) -> uLong { return 0; };
    functions.ztell64_file = [](voidpf, voidpf stream) -> ZPOS64_T { return memory(stream).at; };
    functions.zseek64_file = [](voidpf, voidpf stream, ZPOS64_T offset, int origin) -> long {
        MemoryFile& f = memory(stream);
        const uint64_t base = origin == ZLIB_FILEFUNC_SEEK_SET   ? 0
                              : origin == ZLIB_FILEFUNC_SEEK_CUR ? f.at
                                                                 : f.bytes.size();
        if (offset > f.bytes.size() || base + offset > f.bytes.size()) return -1;
        f.at = base + offset;
        return 0;
    };
    functions.zclose_file = [](voidpf, voidpf) { return 0; };
    functions.zerror_file = [](voidpf, voidpf) { return 0; };
    return functions;
}

struct CloseUnzip {
    void operator()(void* zip) const { unzClose(zip); }
};

}  // namespace

ZipArchive::ZipArchive(std::span<const std::byte> file, std::string where) : file_(file), where_(std::move(where)) {
    read_directory();
    check_overlaps();
}

void ZipArchive::fail(const std::string& what) const {
    throw Error(ErrorKind::format, where_, "the zip archive is damaged: " + what, "fetch or save the file again");
}

void ZipArchive::read_directory() {
    MemoryFile memory_file{file_};
    zlib_filefunc64_def functions = memory_functions(memory_file);
    const std::unique_ptr<void, CloseUnzip> zip(unzOpen2_64("", &functions));
    if (!zip || !has_whole_end(file_)) fail("its directory cannot be found, the file may be cut off");
    unz_global_info64 global{};
    unzGetGlobalInfo64(zip.get(), &global);
    if (global.number_entry > file_.size() / central_header_size) fail("its directory is longer than the file");
    int status = global.number_entry == 0 ? UNZ_END_OF_LIST_OF_FILE : unzGoToFirstFile(zip.get());
    for (; status == UNZ_OK; status = unzGoToNextFile(zip.get())) {
        ZipRecord record;
        unz_file_info64 info{};
        if (unzGetCurrentFileInfo64(zip.get(), &info, nullptr, 0, nullptr, 0, nullptr, 0) != UNZ_OK)
            fail("its directory cannot be read");
        record.name.resize(info.size_filename + 1);
        unzGetCurrentFileInfo64(zip.get(), &info, record.name.data(), uLong(record.name.size()), nullptr, 0, nullptr,
                                0);
        record.name.resize(info.size_filename);
        record.compressed = info.compressed_size;
        record.size = info.uncompressed_size;
        record.crc = uint32_t(info.crc);
        record.method = int(info.compression_method);
        record.central_header = unzGetOffset64(zip.get());
        if (number_at(file_, record.central_header, 4) != central_signature) fail("there is something before it");
        record.local_header = local_header_of(file_, record.central_header);
        if (number_at(file_, record.local_header, 4) != local_signature) fail(record.name + " has no local header");
        if (info.flag & 1)
            throw Error(ErrorKind::format, where_, record.name + " is encrypted", "decrypt the archive first");
        int method = 0, level = 0;
        if (unzOpenCurrentFile2(zip.get(), &method, &level, 1) != UNZ_OK) fail(record.name + " cannot be found");
        record.data = unzGetCurrentFileZStreamPos64(zip.get());
        unzCloseCurrentFile(zip.get());
        if (record.data > file_.size() || record.compressed > file_.size() - record.data)
            fail(record.name + " reaches beyond the file");
        if (record.method == 0 && record.compressed != record.size) fail(record.name + " has two lengths");
        if (!by_name_.emplace(record.name, records_.size()).second) fail(record.name + " comes twice");
        records_.push_back(std::move(record));
    }
    if (status != UNZ_END_OF_LIST_OF_FILE) fail("its directory cannot be read");
}

void ZipArchive::check_overlaps() const {
    std::vector<const ZipRecord*> order;
    for (const ZipRecord& record : records_) order.push_back(&record);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
        return std::pair(a->data, a->compressed) < std::pair(b->data, b->compressed);
    });
    for (size_t i = 1; i < order.size(); ++i)
        if (order[i - 1]->data + order[i - 1]->compressed > order[i]->data)
            fail(order[i]->name + " overlaps " + order[i - 1]->name);
}

const ZipRecord* ZipArchive::find(const std::string& name) const {
    const auto at = by_name_.find(name);
    return at == by_name_.end() ? nullptr : &records_[at->second];
}

std::span<const std::byte> ZipArchive::content(const ZipRecord& record) {
    const auto raw = file_.subspan(size_t(record.data), size_t(record.compressed));
    if (record.method == 0) return raw;
    if (record.method != Z_DEFLATED) fail(record.name + " is compressed in a way that is not known");
    const auto number = size_t(&record - records_.data());
    if (const auto known = inflated_.find(number); known != inflated_.end()) return known->second;
    // Deflate never shrinks more than 1032 times; weights hardly shrink at all.
    constexpr uint64_t most_ratio = 1032, always_allowed = uint64_t(256) << 20, archive_ratio = 20;
    inflated_bytes_ += record.size;
    if (record.size / most_ratio > record.compressed || inflated_bytes_ > always_allowed + archive_ratio * file_.size())
        fail(record.name + " claims to inflate to " + std::to_string(record.size) + " bytes");
    std::vector<std::byte> out(record.size + 1);  // one more, to notice a record that is longer than it says
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) fail(record.name + " cannot be inflated");
    uint64_t read = 0, written = 0;
    int status = Z_OK;
    constexpr uint64_t piece = uint64_t(1) << 30;  // zlib counts in 32 bits
    while (status == Z_OK) {
        stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(raw.data() + read));
        stream.avail_in = uInt(std::min(piece, raw.size() - read));
        stream.next_out = reinterpret_cast<Bytef*>(out.data() + written);
        stream.avail_out = uInt(std::min(piece, out.size() - written));
        const uInt in = stream.avail_in, room = stream.avail_out;
        status = inflate(&stream, Z_NO_FLUSH);
        read += in - stream.avail_in;
        written += room - stream.avail_out;
        if (in == stream.avail_in && room == stream.avail_out) break;
    }
    inflateEnd(&stream);
    if (status != Z_STREAM_END || written != record.size) fail(record.name + " does not inflate to what it should");
    out.resize(size_t(record.size));
    return inflated_.emplace(number, std::move(out)).first->second;
}

std::string_view ZipArchive::checked_text(const ZipRecord& record) {
    const auto bytes = content(record);
    const uLong crc = crc32_z(crc32(0, nullptr, 0), reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    if (crc != record.crc) fail(record.name + " has another checksum than it should");
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<uint64_t> crc_places(std::span<const std::byte> file, const ZipRecord& record) {
    constexpr uint64_t crc_in_local = 14, flags_in_local = 6, crc_in_central = 16;
    std::vector<uint64_t> places = {record.central_header + crc_in_central};
    const bool has_descriptor = number_at(file, record.local_header + flags_in_local, 2) & 8;
    if (!has_descriptor) {
        places.push_back(record.local_header + crc_in_local);
        return places;
    }
    const uint64_t descriptor = record.data + record.compressed;
    places.push_back(number_at(file, descriptor, 4) == descriptor_signature ? descriptor + 4 : descriptor);
    return places;
}

}  // namespace lacuna
