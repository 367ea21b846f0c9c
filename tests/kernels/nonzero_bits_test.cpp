#include "engine/kernels/nonzero_bits.h"

#include <gmock/gmock.h>

#include <cstring>
#include <random>
#include <vector>

namespace lacuna::kernels {
namespace {

/// Bit by bit: what the kernel must find.
std::vector<uint64_t> expected(const std::byte* elements, int64_t count, int bytes, uint64_t significant) {
    std::vector<uint64_t> words(size_t((count + 63) / 64));
    for (int64_t i = 0; i < count; ++i) {
        bool found = false;
        for (int half = 0; half < (bytes == 16 ? 2 : 1); ++half) {
            uint64_t value = 0;
            std::memcpy(&value, elements + i * bytes + half * 8, size_t(bytes < 8 ? bytes : 8));
            found = found || (value & significant) != 0;
        }
        words[size_t(i / 64)] |= uint64_t(found) << (i % 64);
    }
    return words;
}

TEST(NonzeroBits, EveryWidthLengthAndAlignment) {
    std::mt19937 random(7);
    for (const int bytes : {1, 2, 4, 8, 16}) {
        const uint64_t all = ~uint64_t(0), no_sign = bytes >= 8 ? all >> 1 : (uint64_t(1) << (8 * bytes - 1)) - 1;
        for (const int64_t count : {0, 1, 2, 63, 64, 65, 200, 1024, 1061}) {
            for (const size_t shift : {0, 1, 3}) {
                std::vector<std::byte> data(size_t(count * bytes) + shift);
                for (std::byte& byte : data)  // mostly zeros, and signs alone
                    byte = std::byte(random() % 4 ? 0 : random() % 2 ? 0x80 : random() % 256);
                for (const uint64_t significant : {all, no_sign}) {
                    std::vector<uint64_t> words(size_t((count + 63) / 64), 0x5555);
                    nonzero_bits(data.data() + shift, count, bytes, significant, words.data());
                    EXPECT_EQ(words, expected(data.data() + shift, count, bytes, significant))
                        << bytes << " bytes, " << count << " elements";
                }
            }
        }
    }
}

}  // namespace
}  // namespace lacuna::kernels
