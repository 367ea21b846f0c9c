#include "engine/formats/byte_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/base/error.h"

namespace lacuna {
namespace {

constexpr size_t piece = size_t(4) << 20;

[[noreturn]] void fail(const std::filesystem::path& target) {
    const std::string hint =
        errno == ENOSPC || errno == EDQUOT ? "make room or choose another disk" : "check the folder and its disk";
    throw Error(ErrorKind::file, target.string(), std::string("cannot be written: ") + std::strerror(errno), hint);
}

}  // namespace

ByteWriter::ByteWriter(const std::filesystem::path& path, std::filesystem::path target, Progress& progress, bool keep)
    : target_(std::move(target)), progress_(progress) {
    file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | (keep ? 0 : O_TRUNC) | O_CLOEXEC, 0666);
    if (file_ < 0) fail(target_);
}

ByteWriter::~ByteWriter() {
    if (file_ >= 0) ::close(file_);
}

void ByteWriter::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const auto now = bytes.first(std::min(bytes.size(), piece));
        put(now, position_);
        position_ += now.size();
        bytes = bytes.subspan(now.size());
        progress_.advance(now.size());
    }
}

uint64_t ByteWriter::skip(uint64_t count) {
    const uint64_t place = position_;
    position_ += count;
    return place;
}

void ByteWriter::write_at(uint64_t offset, std::span<const std::byte> bytes) const {
    put(bytes, offset);
}

void ByteWriter::put(std::span<const std::byte> bytes, uint64_t offset) const {
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(file_, bytes.data(), bytes.size(), off_t(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) fail(target_);
        offset += uint64_t(written);
        bytes = bytes.subspan(size_t(written));
    }
}

void ByteWriter::sync() const {
    if (::fdatasync(file_) != 0) fail(target_);
}

void ByteWriter::close() {
    const int file = file_;
    file_ = -1;
    if (::close(file) != 0) fail(target_);
}

}  // namespace lacuna
