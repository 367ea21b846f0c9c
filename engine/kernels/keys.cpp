#include "engine/kernels/keys.h"

#include <algorithm>

#include "engine/kernels/bits.h"
#include "engine/kernels/clones.h"
#include "engine/tensor/small_floats.h"

namespace lacuna::kernels {
namespace {

template <typename Key>
void zero_where_pruned(const uint64_t* words, int64_t begin, int64_t count, Key* keys) {
    for (int64_t done = 0; done < count; done += 64) {
        const int64_t here = std::min<int64_t>(64, count - done);
        const uint64_t bits = read_bits(words, begin + done, here);
        if (bits == low_bits(here)) continue;
        for (int64_t i = 0; i < here; ++i) keys[done + i] &= -Key(bits >> i & 1);
    }
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

void zero_pruned(const uint64_t* words, int64_t begin, int64_t count, Key32* keys) {
    zero_where_pruned(words, begin, count, keys);
}

void zero_pruned(const uint64_t* words, int64_t begin, int64_t count, Key64* keys) {
    zero_where_pruned(words, begin, count, keys);
}

}  // namespace lacuna::kernels
