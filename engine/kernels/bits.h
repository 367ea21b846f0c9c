#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "engine/kernels/popcount.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// Bits in 64-bit words, lowest first, and their traffic with bytes.
namespace lacuna::kernels {

/// `count` ones from bit 0; `count` in 0…64.
constexpr uint64_t low_bits(int64_t count) {
    return count >= 64 ? ~uint64_t(0) : (uint64_t(1) << count) - 1;
}

/// 64 bytes to 64 bits: 1 where the byte is not 0.
inline uint64_t pack64(const uint8_t* bytes) {
    uint64_t word = 0;
#if defined(__SSE2__)
    const __m128i zero = _mm_setzero_si128();
    for (int part = 0; part < 4; ++part) {
        const __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + 16 * part));
        const auto zeros = uint32_t(_mm_movemask_epi8(_mm_cmpeq_epi8(sixteen, zero)));
        word |= uint64_t(~zeros & 0xffffu) << (16 * part);
    }
#else
    for (int i = 0; i < 64; ++i) word |= uint64_t(bytes[i] != 0) << i;
#endif
    return word;
}

/// The same for fewer than 64 bytes; the bits past them are 0.
inline uint64_t pack(const uint8_t* bytes, int64_t count) {
    if (count >= 64) return pack64(bytes);
    uint8_t padded[64] = {};
    std::memcpy(padded, bytes, size_t(count));
    return pack64(padded);
}

/// `count` (at most 64) bits to bytes of 0 or 1.
inline void unpack(uint64_t word, uint8_t* bytes, int64_t count) {
    for (int64_t i = 0; i < count; ++i) bytes[i] = uint8_t(word >> i & 1);
}

/// `count` (1…64) bits of `words` from bit `begin` on.
inline uint64_t read_bits(const uint64_t* words, int64_t begin, int64_t count) {
    const int64_t word = begin >> 6, shift = begin & 63;
    uint64_t bits = words[word] >> shift;
    if (shift + count > 64) bits |= words[word + 1] << (64 - shift);
    return bits & low_bits(count);
}

/// Ones among bits [begin, end) of `words`.
inline int64_t count_bits(const uint64_t* words, int64_t begin, int64_t end) {
    if (begin >= end) return 0;
    const int64_t first = begin >> 6, last = (end - 1) >> 6;
    if (first == last) return std::popcount(read_bits(words, begin, end - begin));
    return std::popcount(words[first] >> (begin & 63)) + count_ones(words + first + 1, last - first - 1) +
           std::popcount(words[last] & low_bits(((end - 1) & 63) + 1));
}

/// Sets bits [begin, end) of `words` to `value`.
inline void fill_bits(uint64_t* words, int64_t begin, int64_t end, bool value) {
    while (begin < end) {
        const int64_t word = begin >> 6, shift = begin & 63;
        const int64_t count = end - begin < 64 - shift ? end - begin : 64 - shift;
        const uint64_t bits = low_bits(count) << shift;
        words[word] = value ? words[word] | bits : words[word] & ~bits;
        begin += count;
    }
}

/// Ones in runs of Half, one run in every Half · Width bits.
template <int Half, int Width>
inline constexpr uint64_t runs_of_ones = [] {
    uint64_t runs = 0;
    for (int at = 0; at < 64; at += Half * Width) runs |= low_bits(Half) << at;
    return runs;
}();

/// Moves bits in runs of 2 · Half apart until every bit has the room of Width.
template <int Half, int Width>
constexpr uint64_t spread_bits(uint64_t bits) {
    bits = (bits | bits << (Half * (Width - 1))) & runs_of_ones<Half, Width>;
    if constexpr (Half > 1) bits = spread_bits<Half / 2, Width>(bits);
    return bits;
}

/// The lowest 64 / Width bits of `bits`, each repeated Width times. Width is a power of two below 64.
template <int Width>
constexpr uint64_t repeat_bits(uint64_t bits) {
    if constexpr (Width == 1)
        return bits;
    else
        return spread_bits<32 / Width, Width>(bits & low_bits(64 / Width)) * low_bits(Width);
}

/// Appends runs of bits to whole words, from a word's first bit on.
class BitWriter {
  public:
    explicit BitWriter(uint64_t* words) : out_(words) {}

    /// The lowest `count` (1…64) bits of `bits`; those above must be 0.
    void append(uint64_t bits, int64_t count) {
        pending_ |= bits << used_;
        used_ += count;
        if (used_ < 64) return;
        *out_++ = pending_;
        used_ -= 64;
        pending_ = used_ > 0 ? bits >> (count - used_) : 0;
    }
    /// Bits [begin, begin + count) of `words`, any number.
    void append_bits(const uint64_t* words, int64_t begin, int64_t count) {
        for (; count > 64; count -= 64, begin += 64) append(read_bits(words, begin, 64), 64);
        if (count > 0) append(read_bits(words, begin, count), count);
    }
    /// `count` (any number) copies of one bit.
    void append_run(bool bit, int64_t count) {
        for (; count > 64; count -= 64) append(bit ? ~uint64_t(0) : 0, 64);
        if (count > 0) append(bit ? low_bits(count) : 0, count);
    }
    /// The lowest `count` bits of `bits`, each Width times; Width is a power of two, `count` · Width at most 64.
    template <int Width>
    void append_repeated(uint64_t bits, int64_t count) {
        append(repeat_bits<Width>(bits) & low_bits(count * Width), count * Width);
    }
    /// Writes the last, unfilled word; bits past the end are 0.
    void finish() {
        if (used_ > 0) *out_ = pending_;
    }

  private:
    uint64_t* out_;
    uint64_t pending_ = 0;
    int64_t used_ = 0;
};

}  // namespace lacuna::kernels
