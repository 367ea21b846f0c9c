#include "engine/session/packed_words.h"

#include <zstd.h>

#include <memory>
#include <new>

namespace lacuna {

std::vector<std::byte> packed(std::span<const uint64_t> words) {
    const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
    if (!context) throw std::bad_alloc();
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
    std::vector<std::byte> frame(ZSTD_compressBound(words.size_bytes()));
    const size_t size = ZSTD_compress2(context.get(), frame.data(), frame.size(), words.data(), words.size_bytes());
    if (ZSTD_isError(size)) throw std::bad_alloc();  // there is room enough in `frame`
    frame.resize(size);
    frame.shrink_to_fit();
    return frame;
}

std::optional<std::vector<uint64_t>> unpacked(std::span<const std::byte> frame, size_t count) {
    const uint64_t bytes = uint64_t(count) * sizeof(uint64_t);
    if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != bytes) return std::nullopt;
    std::vector<uint64_t> words(count);
    const size_t size = ZSTD_decompress(words.data(), bytes, frame.data(), frame.size());
    return size == bytes ? std::optional(std::move(words)) : std::nullopt;
}

}  // namespace lacuna
