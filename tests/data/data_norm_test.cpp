// What data_norm does where torch.ao.pruning's DataNormSparsifier does otherwise; its masks are in tests/parity.

#include <gmock/gmock.h>

#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {
namespace {

Mask mask_of(const std::vector<float>& values, Shape shape, Options given, const Mask* current = nullptr) {
    const Sparsifier& rule = sparsifier("data_norm");
    const Options options = rule.complete(given);
    const TensorView data = contiguous_view(values.data(), DType::F32, shape);
    const Mask ones = Mask::ones(shape);
    return rule.compute({.weight = data, .current = current ? current : &ones, .options = &options, .name = "data"});
}

TEST(DataNorm, ScoresTheOriginalValues) {
    const std::vector<float> values{1, 2, 3, 4};
    Options options;
    options.set("sparse_block_shape", std::vector<int64_t>{1, 1});
    const Mask flipped = Mask::from_bytes({1, 4}, std::vector<uint8_t>{1, 1, 0, 0});
    EXPECT_EQ(mask_of(values, {1, 4}, options, &flipped).to_bytes(), (std::vector<uint8_t>{0, 0, 1, 1}));
}

// Upstream's share is not clamped: 0.99 of 8 blocks takes all of them, as weight_norm never would.
TEST(DataNorm, RoundsToAllBlocks) {
    std::vector<float> values(32);
    for (size_t i = 0; i < values.size(); ++i) values[i] = float(i + 1);
    Options options;
    options.set("sparsity_level", 0.99);
    EXPECT_EQ(mask_of(values, {4, 8}, options).kept(), 0);
}

// Upstream slices from the end below 0: −0.25 of 8 blocks prunes 6. Recipes refuse the level; a scheduler may set it.
TEST(DataNorm, BelowZeroPrunesNothing) {
    const std::vector<float> values(32, 1);
    const Sparsifier& rule = sparsifier("data_norm");
    Options options = rule.complete({});
    options.set("sparsity_level", -0.25);
    const Mask ones = Mask::ones({4, 8});
    const TensorView data = contiguous_view(values.data(), DType::F32, {4, 8});
    EXPECT_EQ(rule.compute({.weight = data, .current = &ones, .options = &options, .name = "data"}), ones);
}

// Upstream fails on these, or gives a mask of another shape.
TEST(DataNorm, TakesAnyShape) {
    for (const Shape& shape :
         {Shape{}, Shape{8}, Shape{8, 1}, Shape{1, 4, 4}, Shape{1, 1}, Shape{2, 3, 4}, Shape{0, 4}}) {
        std::vector<float> values(size_t(element_count(shape)));
        for (size_t i = 0; i < values.size(); ++i) values[i] = float(i);
        Options options;
        options.set("sparse_block_shape", std::vector<int64_t>{1, 2});
        const Mask mask = mask_of(values, shape, options);
        EXPECT_EQ(mask.shape(), shape);
        EXPECT_EQ(mask.pruned(), mask.size() / 2) << to_string(shape);  // half of one value rounds to none
    }
}

TEST(DataNorm, NarrowTypesCountAsFloat32) {
    const std::vector<uint8_t> fp8{0x38, 0x30, 0x40, 0x28};  // 1, 0.5, 2, 0.25 in E4M3
    const Sparsifier& rule = sparsifier("data_norm");
    Options options;
    options.set("sparse_block_shape", std::vector<int64_t>{1, 1});
    options = rule.complete(options);
    const Mask ones = Mask::ones({4});
    const TensorView data = contiguous_view(fp8.data(), DType::F8_E4M3, {4});
    const Mask mask = rule.compute({.weight = data, .current = &ones, .options = &options, .name = "data"});
    EXPECT_EQ(mask.to_bytes(), (std::vector<uint8_t>{1, 0, 1, 0}));
    EXPECT_EQ(rule.why_not({4}, DType::I32), "is I32, not floating");
}

}  // namespace
}  // namespace lacuna
