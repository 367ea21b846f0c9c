#pragma once

#include "engine/torch/cuda/language.h"

namespace lacuna::cuda {

/// Sixteen-bit floats as their bits.
struct Half {
    uint16_t bits;
};
struct BFloat16 {
    uint16_t bits;
};

__device__ inline float value(Half weight) {
    const uint32_t magnitude = uint32_t(weight.bits & 0x7fff) << 13;
    const uint32_t special = magnitude >= 0x0f800000u ? 0x7f800000u : 0;  // infinity and NaN
    const float scaled = __uint_as_float(magnitude) * 0x1p112f;           // from the exponent's bias 15 to 127
    return __uint_as_float(__float_as_uint(scaled) | special | uint32_t(weight.bits & 0x8000) << 16);
}
__device__ inline float value(BFloat16 weight) {
    return __uint_as_float(uint32_t(weight.bits) << 16);
}
__device__ inline float value(float weight) {
    return weight;
}
__device__ inline double value(double weight) {
    return weight;
}

// Scores as unsigned integers of the same order, as in engine/kernels/keys.h: NaN last.
__device__ inline uint32_t key_of(float score) {
    const uint32_t bits = __float_as_uint(score) & 0x7fffffffu;
    return bits > 0x7f800000u ? 0x7fffffffu : bits;
}
__device__ inline uint64_t key_of(double score) {
    const auto bits = uint64_t(__double_as_longlong(score)) & 0x7fffffffffffffffull;
    return bits > 0x7ff0000000000000ull ? 0x7fffffffffffffffull : bits;
}

/// A weight's score: |w| or w², rounded to float32, for double to double.
template <bool Squared, typename Weight>
__device__ auto score(Weight weight) {
    const auto x = value(weight);
    if constexpr (Squared) return x * x;
    return x < 0 ? -x : x;
}

/// The key that a single weight is ranked by. Where the order of the scores is the order of a half's own bits, those
/// are the key: one pass over 15 bits finds the cut.
template <typename Weight, bool Squared>
struct WeightKey {
    using Type = decltype(key_of(value(Weight{})));
    static constexpr int bits = sizeof(Type) * 8 - 1;
    __device__ static Type of(Weight weight) { return key_of(score<Squared>(weight)); }
};
template <bool Squared>
struct WeightKey<Half, Squared> {  // squares of halves are exact in float32
    using Type = uint16_t;
    static constexpr int bits = 15;
    __device__ static Type of(Half weight) {
        const uint16_t magnitude = weight.bits & 0x7fff;
        return magnitude > 0x7c00 ? uint16_t(0x7fff) : magnitude;
    }
};
template <>
struct WeightKey<BFloat16, false> {  // squares of bfloat16 overflow and vanish: those have float32's keys
    using Type = uint16_t;
    static constexpr int bits = 15;
    __device__ static Type of(BFloat16 weight) {
        const uint16_t magnitude = weight.bits & 0x7fff;
        return magnitude > 0x7f80 ? uint16_t(0x7fff) : magnitude;
    }
};

/// What one memory access takes of eight values: 16 bytes, or all of them.
template <typename T>
struct alignas(8 * sizeof(T) < 16 ? 8 * sizeof(T) : 16) Access {
    static constexpr int count = 8 * sizeof(T) < 16 ? 8 : sizeof(T) < 16 ? 16 / sizeof(T) : 1;
    T values[count];
};

/// Eight values in a row from `from`, in whole accesses where it is `aligned` to 16 bytes; `count` of them are there,
/// the others become zero.
template <typename T>
__device__ void read_eight(const T* from, int count, bool aligned, T* to) {
    if (aligned && count == 8) {
        for (int i = 0; i < 8; i += Access<T>::count) {
            const auto access = *reinterpret_cast<const Access<T>*>(from + i);
            for (int j = 0; j < Access<T>::count; ++j) to[i + j] = access.values[j];
        }
        return;
    }
    for (int i = 0; i < 8; ++i) to[i] = i < count ? from[i] : T{};
}

/// The way back.
template <typename T>
__device__ void write_eight(const T* from, int count, bool aligned, T* to) {
    if (aligned && count == 8) {
        for (int i = 0; i < 8; i += Access<T>::count) {
            Access<T> access;
            for (int j = 0; j < Access<T>::count; ++j) access.values[j] = from[i + j];
            *reinterpret_cast<Access<T>*>(to + i) = access;
        }
        return;
    }
    for (int i = 0; i < 8; ++i)
        if (i < count) to[i] = from[i];
}

/// Keys of a tensor's weights, computed from the weights whenever they are read; weights that `current` prunes count
/// as 0.
template <typename Weight, bool Squared>
struct WeightKeys {
    using Key = typename WeightKey<Weight, Squared>::Type;
    static constexpr int bits = WeightKey<Weight, Squared>::bits;

    const Weight* weights;
    const uint8_t* current;  ///< a bit a weight, 1 keeps; null: nothing is pruned
    bool aligned;            ///< `weights` to 16 bytes

    /// Eight keys from weight `first` on, a multiple of 8; those past `count` mean nothing.
    __device__ void read(int64_t first, int count, Key* keys) const {
        Weight eight[8];
        read_eight(weights + first, count, aligned, eight);
        const unsigned kept = current ? current[first / 8] : 0xffu;
        for (int i = 0; i < 8; ++i) keys[i] = kept >> i & 1 ? WeightKey<Weight, Squared>::of(eight[i]) : Key(0);
    }
};

/// Keys that lie in memory, aligned to 16 bytes.
template <typename StoredKey>
struct StoredKeys {
    using Key = StoredKey;
    static constexpr int bits = sizeof(Key) * 8 - 1;

    const Key* keys;

    __device__ void read(int64_t first, int count, Key* to) const { read_eight(keys + first, count, true, to); }
};

}  // namespace lacuna::cuda
