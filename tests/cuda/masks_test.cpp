#include "engine/torch/cuda/masks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <list>
#include <random>
#include <vector>

#include "engine/sparsifiers/arranged.h"

namespace lacuna {
namespace {

/// A queue over plain memory, for the emulated kernels.
class HostQueue {
  public:
    explicit HostQueue(int block_bytes) {
        queue.processors = 3;
        queue.block_bytes = block_bytes;
        queue.allocate = [this](size_t bytes) -> void* {
            // What a kernel does not write must not look right by chance.
            memory_.emplace_back((bytes + 15) / 16, Chunk{0xa5a5a5a5a5a5a5a5ull, 0xa5a5a5a5a5a5a5a5ull});
            return memory_.back().data();
        };
    }
    cuda::Queue queue;

  private:
    struct alignas(16) Chunk {
        uint64_t low, high;
    };
    std::list<std::vector<Chunk>> memory_;
};

constexpr int much = 200 << 10, little = 20 << 10;

enum class Values { spread, few, special };

/// `count` weights of a dtype, as bytes aligned to 16 (or not).
struct Weights {
    Weights(int64_t count, DType type, Values values, std::mt19937& random, bool aligned) : dtype(type) {
        const size_t size = dtype_bytes(type, 1);
        bytes.resize(size_t(count) * size + 32);
        auto address = reinterpret_cast<uintptr_t>(bytes.data());
        data = bytes.data() + (16 - address % 16) % 16 + (aligned ? 0 : size);
        std::normal_distribution<double> normal;
        for (int64_t i = 0; i < count; ++i) {
            double x = normal(random);
            if (values == Values::few) x = std::round(x);
            if (values == Values::special) x = special(random, x);
            put(i, x);
        }
    }

    static double special(std::mt19937& random, double usual) {
        constexpr double inf = std::numeric_limits<double>::infinity();
        const double list[] = {usual, 0.0, -0.0, inf, -inf, std::nan(""), 1e-24, 3e38, 6e-8, usual * 1e-21};
        return list[random() % std::size(list)];
    }

    void put(int64_t i, double x) {
        const auto single = float(x);
        uint32_t bits;
        std::memcpy(&bits, &single, 4);
        switch (dtype) {
            case DType::F64:
                std::memcpy(data + i * 8, &x, 8);
                break;
            case DType::F32:
                std::memcpy(data + i * 4, &single, 4);
                break;
            case DType::BF16: {
                const auto upper = uint16_t(bits >> 16);
                std::memcpy(data + i * 2, &upper, 2);
                break;
            }
            default: {  // the nearest half below; subnormals and overflow included
                const auto half = x != x                   ? uint16_t(0x7e01)
                                  : std::abs(x) >= 65520.0 ? uint16_t(0x7c00 | (x < 0 ? 0x8000 : 0))
                                                           : half_of(x);
                std::memcpy(data + i * 2, &half, 2);
            }
        }
    }

    static uint16_t half_of(double x) {
        const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
        const double magnitude = std::abs(x);
        if (magnitude < 0x1p-14) return uint16_t(sign | uint16_t(magnitude * 0x1p24));
        int exponent;
        const double fraction = std::frexp(magnitude, &exponent);  // in [0.5, 1)
        return uint16_t(sign | (exponent + 14) << 10 | (uint16_t(fraction * 2048) & 0x3ff));
    }

    DType dtype;
    std::vector<std::byte> bytes;
    std::byte* data;
};

Mask random_mask(const Shape& shape, std::mt19937& random) {
    Mask mask = Mask::ones(shape);
    for (int64_t i = 0; i < mask.size(); ++i)
        if (random() % 3 == 0) mask.set(i, false);
    return mask;
}

/// What the kernels give for prune_tensor's arguments.
Mask by_kernels(const TensorView& weight, const Mask* current, bool squared, BlockRule rule, int block_bytes) {
    HostQueue host(block_bytes);
    const MatrixShape flat = matrix_shape(weight.shape);
    cuda::Tensor tensor{.weights = weight.data,
                        .dtype = weight.dtype,
                        .rows = flat.rows,
                        .columns = flat.columns,
                        .current = current ? current->words().data() : nullptr,
                        .squared = squared};
    if (rule.block.rows == 1 && rule.zeros < rule.block.columns && weight.shape.size() > 2) {
        tensor.inner = flat.columns / weight.shape[1];
        tensor.rows = flat.rows * tensor.inner;
        tensor.columns = weight.shape[1];
    }
    const bool inside = rule.zeros < rule.block.rows * rule.block.columns;
    rule.block = fitted(rule.block, {tensor.rows, tensor.columns});
    const int64_t whole = rule.block.rows * rule.block.columns;
    const MatrixShape blocks = blocks_of({tensor.rows, tensor.columns}, rule.block);
    Mask mask = Mask::zeros(weight.shape);
    cuda::prune(tensor,
                {.block = rule.block,
                 .taken = blocks_taken(rule.level, blocks.rows * blocks.columns, rule.spare_one),
                 .zeros = inside ? std::min(rule.zeros, whole) : whole},
                mask.words().data(), host.queue);
    return mask;
}

struct Case {
    Shape shape;
    BlockShape block;
    int64_t zeros;
};

const std::vector<Case> cases{
    {{1}, {1, 1}, 1},           {{64}, {1, 1}, 1},          {{5000}, {1, 1}, 1},        {{70, 130}, {1, 1}, 1},
    {{33, 65}, {1, 4}, 4},      {{32, 64}, {1, 4}, 2},      {{31, 60}, {1, 4}, 1},      {{33, 63}, {1, 4}, 2},
    {{16, 40}, {1, 8}, 3},      {{16, 40}, {1, 2}, 1},      {{40, 48}, {1, 16}, 7},     {{30, 50}, {4, 4}, 16},
    {{30, 50}, {4, 4}, 5},      {{30, 50}, {3, 7}, 21},     {{30, 50}, {8, 1}, 8},      {{6, 9}, {64, 64}, 64 * 64},
    {{8, 12, 3, 3}, {1, 4}, 2}, {{8, 10, 3, 3}, {1, 4}, 3}, {{8, 12, 3, 3}, {1, 4}, 4}, {{5, 6, 7}, {2, 3}, 6},
};

class CudaMasks : public testing::TestWithParam<DType> {};

TEST_P(CudaMasks, are_the_processor_s) {
    std::mt19937 random(7);
    for (const Case& test : cases)
        for (const Values values : {Values::spread, Values::few, Values::special})
            for (const double level : {0.3, 1.0 - std::abs(double(random() % 1000) - 500) / 500}) {
                const bool squared = random() % 2, masked = random() % 2, aligned = random() % 4 != 0;
                const Weights weights(element_count(test.shape), GetParam(), values, random, aligned);
                const TensorView view = contiguous_view(weights.data, GetParam(), test.shape);
                const Mask current = random_mask(test.shape, random);
                const BlockRule rule{.level = level, .block = test.block, .zeros = test.zeros};
                const Mask* const mask = masked ? &current : nullptr;
                const Mask expected = prune_tensor(view, mask, squared, rule);
                const int block_bytes = random() % 2 ? much : little;
                EXPECT_EQ(by_kernels(view, mask, squared, rule, block_bytes), expected)
                    << to_string(test.shape) << " in " << test.block.rows << "×" << test.block.columns << ", zeros "
                    << test.zeros << ", level " << level << ", values " << int(values) << (squared ? ", squared" : "")
                    << (masked ? ", masked" : "") << (aligned ? "" : ", unaligned");
            }
}

TEST_P(CudaMasks, ties_across_tiles_go_to_the_lowest_indices) {
    std::mt19937 random(8);
    const Shape shape{3, 3 * 2048 + 17};
    Weights weights(element_count(shape), GetParam(), Values::few, random, true);
    const TensorView view = contiguous_view(weights.data, GetParam(), shape);
    for (const double level : {0.01, 0.2, 0.385, 0.6, 0.9, 0.999}) {
        const BlockRule rule{.level = level, .block = {1, 1}, .zeros = 1};
        EXPECT_EQ(by_kernels(view, nullptr, true, rule, much), prune_tensor(view, nullptr, true, rule)) << level;
    }
}

INSTANTIATE_TEST_SUITE_P(dtypes, CudaMasks, testing::Values(DType::F16, DType::BF16, DType::F32, DType::F64),
                         [](const auto& dtype) { return std::string(dtype_name(dtype.param)); });

TEST(CudaApply, writes_plus_zero_and_counts) {
    std::mt19937 random(9);
    for (const int bytes : {1, 2, 4, 8, 16})
        for (const int64_t count : {int64_t(1), int64_t(64), int64_t(1003)}) {
            const Mask mask = random_mask({count}, random);
            std::vector<uint64_t> memory(size_t(count * bytes) / 8 + 4);
            auto* const data =
                reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(memory.data()) + 15) / 16 * 16);
            for (int64_t i = 0; i < count * bytes; ++i) data[i] = std::byte(random() % 255 + 1);
            const std::vector<std::byte> before(data, data + count * bytes);
            HostQueue host(little);
            cuda::apply_mask(data, mask.words().data(), count, bytes, data, host.queue);
            for (int64_t i = 0; i < count * bytes; ++i)
                ASSERT_EQ(data[i], mask[i / bytes] ? before[size_t(i)] : std::byte(0)) << bytes << " " << i;
            uint64_t kept = 0;
            cuda::count_kept(mask.words().data(), count, &kept, host.queue);
            EXPECT_EQ(int64_t(kept), mask.kept());
        }
}

}  // namespace
}  // namespace lacuna
