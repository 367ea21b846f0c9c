#include <gmock/gmock.h>

#include <bit>
#include <cstring>
#include <limits>
#include <random>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/mask/mask.h"

namespace lacuna {
namespace {

/// Random bytes and a mask with whole words of ones, of zeros, and mixed ones.
struct Sample {
    Sample(DType kind, int64_t count) : dtype(kind), bytes(dtype_bytes(kind, uint64_t(count)) + 1) {
        std::mt19937 random{uint32_t(count)};
        for (auto& byte : bytes) byte = std::byte(random());
        std::vector<uint8_t> keep(static_cast<size_t>(count));
        for (int64_t i = 0; i < count; ++i)
            keep[size_t(i)] = uint8_t(i / 64 % 3 == 0 ? 1 : i / 64 % 3 == 1 ? 0 : random() % 2);
        mask = Mask::from_bytes({count}, keep);
    }
    /// `offset` 1: misaligned, as a mapped file may be.
    TensorView view(size_t offset = 0) const { return contiguous_view(bytes.data() + offset, dtype, mask.shape()); }

    DType dtype;
    std::vector<std::byte> bytes;
    Mask mask;
};

TEST(ApplyMask, KeepsBitsAndWritesPlusZero) {
    for (const DType dtype : {DType::F32, DType::F64, DType::F16, DType::BF16, DType::F8_E4M3, DType::I64, DType::U8,
                              DType::BOOL, DType::C128})
        for (const int64_t count : {1, 64, 200, 1000, 400000}) {
            const Sample sample(dtype, count);
            const size_t width = size_t(dtype_bits(dtype) / 8);
            for (const size_t offset : {size_t(0), size_t(1)}) {
                std::vector<std::byte> out(width * size_t(count), std::byte(0xee)), expected(out.size());
                apply_mask(sample.mask, sample.view(offset), out.data());
                for (int64_t i = 0; i < count; ++i)
                    if (sample.mask[i])
                        std::memcpy(&expected[size_t(i) * width], &sample.bytes[offset + size_t(i) * width], width);
                ASSERT_EQ(out, expected) << dtype_name(dtype) << " " << count << " offset " << offset;
            }
        }
}

TEST(ApplyMask, NothingOfAPrunedWeightIsLeft) {
    const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> weights{-1, inf, -inf, nan, -0.0f, nan};
    const Mask mask = Mask::from_bytes({6}, std::vector<uint8_t>{0, 0, 0, 0, 1, 1});
    std::vector<float> out(6);
    apply_mask(mask, contiguous_view(weights.data(), DType::F32, {6}), reinterpret_cast<std::byte*>(out.data()));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(std::bit_cast<uint32_t>(out[size_t(i)]), 0u) << i;  // +0, not −0 or NaN
    EXPECT_EQ(std::bit_cast<uint32_t>(out[4]), 0x80000000u);
    EXPECT_EQ(std::bit_cast<uint32_t>(out[5]), std::bit_cast<uint32_t>(nan));
}

TEST(ApplyMask, StridedViewsComeOutRowMajor) {
    const std::vector<float> weights{1, 2, 3, 4, 5, 6};  // 2 × 3, seen as its transpose
    const TensorView view{reinterpret_cast<const std::byte*>(weights.data()), DType::F32, {3, 2}, {1, 3}};
    const Mask mask = Mask::from_bytes({3, 2}, std::vector<uint8_t>{1, 0, 1, 1, 0, 1});
    std::vector<float> out(6);
    apply_mask(mask, view, reinterpret_cast<std::byte*>(out.data()));
    EXPECT_THAT(out, ::testing::ElementsAre(1, 0, 2, 5, 0, 6));
}

TEST(ApplyMask, RefusesOtherShapesAndPartsOfBytes) {
    const std::vector<std::byte> bytes(16);
    std::vector<std::byte> out(16);
    EXPECT_THROW(apply_mask(Mask::ones({4}), contiguous_view(bytes.data(), DType::F32, {2, 2}), out.data()), Error);
    EXPECT_THROW(apply_mask(Mask::ones({4}), contiguous_view(bytes.data(), DType::F4, {4}), out.data()), Error);
}

TEST(ApplyMask, EmptyTensors) {
    std::byte out{7};
    apply_mask(Mask::ones({0, 3}), contiguous_view(nullptr, DType::F32, {0, 3}), &out);
    EXPECT_EQ(out, std::byte{7});
}

}  // namespace
}  // namespace lacuna
