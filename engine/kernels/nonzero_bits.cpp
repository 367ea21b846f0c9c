#include "engine/kernels/nonzero_bits.h"

#include <cstring>

#include "engine/kernels/bits.h"
#include "engine/kernels/clones.h"

namespace lacuna::kernels {
namespace {

template <class T>
[[gnu::always_inline]] inline void flag(const std::byte* elements, T significant, uint8_t* flags) {
    T values[64];
    std::memcpy(values, elements, sizeof values);
    for (int i = 0; i < 64; ++i) flags[i] = uint8_t((values[i] & significant) != 0);
}

/// 64 elements at a time become flags of a byte, and those a word.
template <class T>
[[gnu::always_inline]] inline void scan(const std::byte* elements, int64_t count, T significant, uint64_t* words) {
    uint8_t flags[64];
    const int64_t whole = count / 64;
    for (int64_t word = 0; word < whole; ++word) {
        flag(elements + size_t(word) * 64 * sizeof(T), significant, flags);
        words[word] = pack64(flags);
    }
    if (count % 64 == 0) return;
    std::byte last[64 * sizeof(T)] = {};
    std::memcpy(last, elements + size_t(whole) * 64 * sizeof(T), size_t(count % 64) * sizeof(T));
    flag(last, significant, flags);
    words[whole] = pack64(flags);
}

LACUNA_CLONES void scan_1(const std::byte* elements, int64_t count, uint64_t significant, uint64_t* words) {
    scan<uint8_t>(elements, count, uint8_t(significant), words);
}
LACUNA_CLONES void scan_2(const std::byte* elements, int64_t count, uint64_t significant, uint64_t* words) {
    scan<uint16_t>(elements, count, uint16_t(significant), words);
}
LACUNA_CLONES void scan_4(const std::byte* elements, int64_t count, uint64_t significant, uint64_t* words) {
    scan<uint32_t>(elements, count, uint32_t(significant), words);
}
LACUNA_CLONES void scan_8(const std::byte* elements, int64_t count, uint64_t significant, uint64_t* words) {
    scan<uint64_t>(elements, count, significant, words);
}

/// Pairs of halves: 64 elements are 128 halves, whose bits are joined two by two.
void scan_16(const std::byte* elements, int64_t count, uint64_t significant, uint64_t* words) {
    for (int64_t begin = 0; begin < count; begin += 64, elements += 64 * 16) {
        const int64_t here = count - begin < 64 ? count - begin : 64;
        uint64_t halves[2] = {}, word = 0;
        scan_8(elements, 2 * here, significant, halves);
        for (int64_t i = 0; i < here; ++i) word |= uint64_t(read_bits(halves, 2 * i, 2) != 0) << i;
        words[begin / 64] = word;
    }
}

}  // namespace

void nonzero_bits(const std::byte* elements, int64_t count, int element_bytes, uint64_t significant, uint64_t* words) {
    switch (element_bytes) {
        case 1:
            return scan_1(elements, count, significant, words);
        case 2:
            return scan_2(elements, count, significant, words);
        case 4:
            return scan_4(elements, count, significant, words);
        case 8:
            return scan_8(elements, count, significant, words);
        case 16:
            return scan_16(elements, count, significant, words);
    }
}

}  // namespace lacuna::kernels
