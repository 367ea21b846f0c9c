#include "engine/kernels/bits.h"

#include <gmock/gmock.h>

#include <random>
#include <vector>

namespace lacuna::kernels {
namespace {

template <int Width>
void expect_repeated(uint64_t bits) {
    uint64_t expected = 0;
    for (int i = 0; i < 64; ++i) expected |= (bits >> (i / Width) & 1) << i;
    ASSERT_EQ(repeat_bits<Width>(bits), expected) << Width;
}

TEST(Bits, RepeatedBits) {
    std::mt19937_64 random(1);
    for (int round = 0; round < 200; ++round) {
        const uint64_t bits = random();
        expect_repeated<1>(bits);
        expect_repeated<2>(bits);
        expect_repeated<4>(bits);
        expect_repeated<8>(bits);
        expect_repeated<16>(bits);
        expect_repeated<32>(bits);
    }
}

TEST(Bits, PackAndUnpack) {
    std::mt19937_64 random(2);
    for (int round = 0; round < 200; ++round) {
        const uint64_t word = random();
        uint8_t bytes[64];
        unpack(word, bytes, 64);
        EXPECT_EQ(pack64(bytes), word);
        const auto count = int64_t(random() % 65);
        EXPECT_EQ(pack(bytes, count), word & low_bits(count));
    }
}

TEST(BitWriter, AppendsWhatItIsGiven) {
    std::mt19937_64 random(3);
    for (int round = 0; round < 50; ++round) {
        std::vector<bool> expected;
        std::vector<uint64_t> words(64, ~uint64_t(0));
        BitWriter writer(words.data());
        while (expected.size() < 3000) {
            const auto count = int64_t(random() % 64 + 1);
            if (round % 2 == 0) {
                const uint64_t bits = random() & low_bits(count);
                writer.append(bits, count);
                for (int64_t i = 0; i < count; ++i) expected.push_back(bits >> i & 1);
            } else {
                writer.append_run(count % 2 == 1, count * 2);
                expected.insert(expected.end(), size_t(count * 2), count % 2 == 1);
            }
        }
        writer.finish();
        const auto size = int64_t(expected.size());
        for (int64_t i = 0; i < size; ++i)
            ASSERT_EQ(words[size_t(i / 64)] >> (i % 64) & 1, uint64_t(expected[size_t(i)]));
        if (size % 64 != 0) {
            EXPECT_EQ(words[size_t(size / 64)] >> (size % 64), 0u);
        }
        EXPECT_EQ(words[size_t(size / 64) + 1], ~uint64_t(0));  // nothing past the last word
    }
}

}  // namespace
}  // namespace lacuna::kernels
