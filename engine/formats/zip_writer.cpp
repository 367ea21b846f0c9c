#include "engine/formats/zip_writer.h"

#include <minizip/zip.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "engine/base/error.h"

namespace lacuna {

/// minizip is C: an exception of ours waits here until it has returned.
struct ZipWriter::Stream {
    ByteWriter& out;
    uint64_t at = 0;
    std::exception_ptr problem;
};

namespace {

ZipWriter::Stream& stream_of(voidpf stream) {
    return *static_cast<ZipWriter::Stream*>(stream);
}

uLong write_bytes(voidpf, voidpf stream, const void* buffer, uLong size) {
    ZipWriter::Stream& s = stream_of(stream);
    if (s.problem) return 0;
    try {
        const std::span bytes(static_cast<const std::byte*>(buffer), size);
        if (s.at == s.out.position())
            s.out.write(bytes);
        else
            s.out.write_at(s.at, bytes);  // minizip goes back to headers only
        s.at += size;
        return size;
    } catch (...) {
        s.problem = std::current_exception();
        return 0;
    }
}

long seek(voidpf, voidpf stream, ZPOS64_T offset, int origin) {
    ZipWriter::Stream& s = stream_of(stream);
    const uint64_t base = origin == ZLIB_FILEFUNC_SEEK_SET   ? 0
                          : origin == ZLIB_FILEFUNC_SEEK_CUR ? s.at
                                                             : s.out.position();
    s.at = base + offset;
    return 0;
}

zlib_filefunc64_def functions(ZipWriter::Stream& stream) {
    zlib_filefunc64_def f{};
    f.opaque = &stream;
    f.zopen64_file = [](voidpf opaque, const void*, int) { return opaque; };
    f.zread_file = [](voidpf, voidpf, void*, uLong) -> uLong { return 0; };
    f.zwrite_file = write_bytes;
    f.ztell64_file = [](voidpf, voidpf s) -> ZPOS64_T { return stream_of(s).at; };
    f.zseek64_file = seek;
    f.zclose_file = [](voidpf, voidpf) { return 0; };
    f.zerror_file = [](voidpf, voidpf) { return 0; };
    return f;
}

}  // namespace

ZipWriter::ZipWriter(ByteWriter& out) : stream_(new Stream{out, out.position(), nullptr}) {
    zlib_filefunc64_def f = functions(*stream_);
    zip_ = zipOpen2_64("", APPEND_STATUS_CREATE, nullptr, &f);
    check(zip_ ? ZIP_OK : ZIP_INTERNALERROR);
}

ZipWriter::~ZipWriter() {
    if (zip_) zipClose(zip_, nullptr);  // only after a failure; the file goes with its OutputFile
}

void ZipWriter::check(int status) {
    if (stream_->problem) std::rethrow_exception(stream_->problem);
    if (status != ZIP_OK)
        throw Error(ErrorKind::file, "", "the zip archive cannot be written (" + std::to_string(status) + ")");
}

void ZipWriter::begin(const std::string& name, uint64_t size, int method, bool raw) {
    constexpr uint64_t alignment = 64, local_header = 30, field_header = 4, zip64_field = 20;
    constexpr uint64_t largest = 0xfffffffe;
    if (name.size() > 0xffff) throw Error(ErrorKind::argument, name.substr(0, 40) + "…", "is too long for a zip entry");
    const bool zip64 = size > largest;
    const uint64_t fixed = stream_->at + local_header + name.size() + field_header + (zip64 ? zip64_field : 0);
    const auto padding = size_t((alignment - fixed % alignment) % alignment);
    std::string extra = "FB";  // as PyTorch pads
    extra += char(padding);
    extra += '\0';
    extra.append(padding, 'Z');
    zip_fileinfo info{};
    info.dosDate = (1 << 21) | (1 << 16);  // 1980-01-01: the same input gives the same bytes
    check(zipOpenNewFileInZip4_64(zip_, name.c_str(), &info, extra.data(), uInt(extra.size()), nullptr, 0, nullptr,
                                  method, Z_DEFAULT_COMPRESSION, raw, -MAX_WBITS, DEF_MEM_LEVEL, Z_DEFAULT_STRATEGY,
                                  nullptr, 0, 0, 0, zip64));
}

void ZipWriter::put(std::span<const std::byte> bytes) {
    constexpr size_t piece = size_t(1) << 24;  // minizip counts in 32 bits
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece, bytes.size())))
        check(zipWriteInFileInZip(zip_, bytes.data(), unsigned(std::min(piece, bytes.size()))));
}

void ZipWriter::add(const std::string& name, std::span<const std::byte> bytes) {
    begin(name, bytes.size(), 0, false);
    put(bytes);
    check(zipCloseFileInZip(zip_));
}

void ZipWriter::add_raw(const ZipRecord& record, std::span<const std::byte> compressed) {
    begin(record.name, std::max(record.size, record.compressed), record.method, true);
    put(compressed);
    check(zipCloseFileInZipRaw64(zip_, record.size, record.crc));
}

void ZipWriter::finish() {
    void* zip = std::exchange(zip_, nullptr);
    check(zipClose(zip, nullptr));
}

}  // namespace lacuna
