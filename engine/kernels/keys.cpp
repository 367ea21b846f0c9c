#include "engine/kernels/keys.h"

#include <algorithm>

#include "engine/kernels/bits.h"
#include "engine/kernels/clones.h"
#include "engine/tensor/small_floats.h"

namespace lacuna::kernels {
namespace {

template <typename Key>
[[gnu::always_inline]] inline void zero_where_pruned(const uint64_t* words, int64_t begin, int64_t count, Key* keys) {
    int64_t done = 0;
    for (; done + 64 <= count; done += 64) {
        const uint64_t bits = read_bits(words, begin + done, 64);
        if (bits == ~uint64_t(0)) continue;
        const auto low = uint32_t(bits), high = uint32_t(bits >> 32);
        for (int i = 0; i < 32; ++i) keys[done + i] &= -Key(low >> i & 1);
        for (int i = 0; i < 32; ++i) keys[done + 32 + i] &= -Key(high >> i & 1);
    }
    if (done == count) return;
    const uint64_t bits = read_bits(words, begin + done, count - done);
    for (int64_t i = 0; i < count - done; ++i) keys[done + i] &= -Key(bits >> i & 1);
}

}  // namespace

LACUNA_CLONES void keys_f32(const float* weights, int64_t count, bool squared, Key32* keys) {
    if (squared)
        for (int64_t i = 0; i < count; ++i) keys[i] = key_of(weights[i] * weights[i]);
    else
        for (int64_t i = 0; i < count; ++i) keys[i] = key_of(weights[i]);
}

LACUNA_CLONES void keys_f16(const uint16_t* weights, int64_t count, bool squared, Key32* keys) {
    if (squared)
        for (int64_t i = 0; i < count; ++i) keys[i] = key_of(half_to_float(weights[i]) * half_to_float(weights[i]));
    else
        for (int64_t i = 0; i < count; ++i) keys[i] = key_of(half_to_float(weights[i]));
}

LACUNA_CLONES void keys_bf16(const uint16_t* weights, int64_t count, bool squared, Key32* keys) {
    if (squared)
        for (int64_t i = 0; i < count; ++i)
            keys[i] = key_of(bfloat16_to_float(weights[i]) * bfloat16_to_float(weights[i]));
    else
        for (int64_t i = 0; i < count; ++i) keys[i] = key_of(bfloat16_to_float(weights[i]));
}

LACUNA_CLONES void keys_f64(const double* weights, int64_t count, bool squared, Key64* keys) {
    if (squared)
        for (int64_t i = 0; i < count; ++i) keys[i] = key_of(weights[i] * weights[i]);
    else
        for (int64_t i = 0; i < count; ++i) keys[i] = key_of(weights[i]);
}

LACUNA_CLONES void multiply_keys(const double* factors, int64_t count, Key32* keys) {
    for (int64_t i = 0; i < count; ++i) keys[i] = key_of(score_of(keys[i]) * float(factors[i]));
}

LACUNA_CLONES void multiply_keys(const double* factors, int64_t count, Key64* keys) {
    for (int64_t i = 0; i < count; ++i) keys[i] = key_of(score_of(keys[i]) * factors[i]);
}

LACUNA_CLONES void zero_pruned(const uint64_t* words, int64_t begin, int64_t count, Key32* keys) {
    zero_where_pruned(words, begin, count, keys);
}

LACUNA_CLONES void zero_pruned(const uint64_t* words, int64_t begin, int64_t count, Key64* keys) {
    zero_where_pruned(words, begin, count, keys);
}

}  // namespace lacuna::kernels
