#include "engine/kernels/select_mask.h"

#include <cstring>

#include "engine/kernels/clones.h"

namespace lacuna::kernels {
namespace {

struct Pair {
    uint64_t low, high;
};

LACUNA_CLONES void select_some(const uint8_t* in, uint64_t word, int64_t count, uint8_t* out) {
    for (int64_t i = 0; i < count; ++i) out[i] = uint8_t(in[i] & -(word >> i & 1));
}

LACUNA_CLONES void select_some(const uint16_t* in, uint64_t word, int64_t count, uint16_t* out) {
    for (int64_t i = 0; i < count; ++i) out[i] = uint16_t(in[i] & -(word >> i & 1));
}

LACUNA_CLONES void select_some(const uint32_t* in, uint64_t word, int64_t count, uint32_t* out) {
    for (int64_t i = 0; i < count; ++i) out[i] = uint32_t(in[i] & -(word >> i & 1));
}

LACUNA_CLONES void select_some(const uint64_t* in, uint64_t word, int64_t count, uint64_t* out) {
    for (int64_t i = 0; i < count; ++i) out[i] = in[i] & -(word >> i & 1);
}

LACUNA_CLONES void select_some(const Pair* in, uint64_t word, int64_t count, Pair* out) {
    for (int64_t i = 0; i < count; ++i) {
        const uint64_t keep = -(word >> i & 1);
        out[i] = {in[i].low & keep, in[i].high & keep};
    }
}

/// Copies through an aligned buffer: a mapped file promises no alignment.
template <typename T>
void select_typed(const std::byte* in, const uint64_t* words, int64_t count, std::byte* out) {
    T buffer[64];
    for (int64_t begin = 0; begin < count; begin += 64, ++words) {
        const int64_t here = count - begin < 64 ? count - begin : 64;
        const size_t offset = size_t(begin) * sizeof(T), bytes = size_t(here) * sizeof(T);
        if (*words == 0) {
            std::memset(out + offset, 0, bytes);
        } else if (*words == ~uint64_t(0)) {
            if (in != out) std::memcpy(out + offset, in + offset, bytes);
        } else {
            std::memcpy(buffer, in + offset, bytes);
            select_some(buffer, *words, here, buffer);
            std::memcpy(out + offset, buffer, bytes);
        }
    }
}

}  // namespace

void select_mask(const std::byte* in, const uint64_t* words, int64_t count, int element_bytes, std::byte* out) {
    switch (element_bytes) {
        case 1:
            return select_typed<uint8_t>(in, words, count, out);
        case 2:
            return select_typed<uint16_t>(in, words, count, out);
        case 4:
            return select_typed<uint32_t>(in, words, count, out);
        case 8:
            return select_typed<uint64_t>(in, words, count, out);
        case 16:
            return select_typed<Pair>(in, words, count, out);
    }
}

}  // namespace lacuna::kernels
