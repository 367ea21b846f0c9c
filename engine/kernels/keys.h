#pragma once

#include <bit>
#include <cstdint>

namespace lacuna::kernels {

/// Scores as unsigned integers of the same order: the bits of a float32 or double that is not negative. NaN, whatever
/// its payload, becomes the largest signed integer, so it comes last and ties with itself; +inf comes before it.
using Key32 = uint32_t;
using Key64 = uint64_t;

inline constexpr Key32 nan_key32 = 0x7fffffff;
inline constexpr Key64 nan_key64 = 0x7fffffffffffffff;

template <typename Key>
inline constexpr Key nan_key = sizeof(Key) == sizeof(Key32) ? Key(nan_key32) : Key(nan_key64);

inline Key32 key_of(float score) {
    const auto bits = std::bit_cast<uint32_t>(score) & 0x7fffffff;
    return bits > 0x7f800000 ? nan_key32 : bits;
}

inline Key64 key_of(double score) {
    const auto bits = std::bit_cast<uint64_t>(score) & 0x7fffffffffffffff;
    return bits > 0x7ff0000000000000 ? nan_key64 : bits;
}

inline float score_of(Key32 key) {
    return std::bit_cast<float>(key);
}

inline double score_of(Key64 key) {
    return std::bit_cast<double>(key);
}

/// Keys of |w| (`squared` false) or w² of `count` weights. Narrower types count as float32.
void keys_f32(const float* weights, int64_t count, bool squared, Key32* keys);
void keys_f16(const uint16_t* weights, int64_t count, bool squared, Key32* keys);
void keys_bf16(const uint16_t* weights, int64_t count, bool squared, Key32* keys);
void keys_f64(const double* weights, int64_t count, bool squared, Key64* keys);

/// Multiplies the scores by `factors`, which are rounded to the scores' type first.
void multiply_keys(const double* factors, int64_t count, Key32* keys);
void multiply_keys(const double* factors, int64_t count, Key64* keys);

/// Sets keys[i] to 0 where bit `begin + i` of `words` is 0.
void zero_pruned(const uint64_t* words, int64_t begin, int64_t count, Key32* keys);
void zero_pruned(const uint64_t* words, int64_t begin, int64_t count, Key64* keys);

}  // namespace lacuna::kernels
