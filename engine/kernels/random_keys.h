#pragma once

#include <cstdint>

#include "engine/kernels/keys.h"

namespace lacuna::kernels {

/// The finaliser of splitmix64 (Steele, Lea and Flood, 2014): every bit of the result depends on every bit given.
constexpr uint64_t mixed(uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/// Numbers drawn for places [begin, end) of a stream, as keys: each depends on its stream and place alone.
void random_keys(uint64_t stream, int64_t begin, int64_t end, Key64* keys);

}  // namespace lacuna::kernels
