// data_norm against frozen masks of torch.ao.pruning's DataNormSparsifier (tests/parity/data_norm.py), bit for bit.

#include <gmock/gmock.h>

#include "engine/base/parallel.h"
#include "tests/parity/cases.h"

namespace lacuna::parity {
namespace {

class DataNormGoldens : public ::testing::Test {
  protected:
    CheckpointPtr file = open_checkpoint(LACUNA_TEST_DATA "/data/data_norm_goldens.safetensors");

    TensorView tensor(const std::string& name) const { return file->view(file->find(name).value()); }

    void compare(Ties ties, const std::string& suffix) {
        for (const auto& [name, text] : file->metadata()) {
            Case one = parse_case(text);
            one.ties = ties;
            const TensorView data = tensor(name + ".weight");
            const auto* packed = reinterpret_cast<const uint8_t*>(tensor(name + suffix).data);
            const Mask mask = run_case(one, data);
            ASSERT_EQ(mask.shape(), data.shape) << name;
            for (int64_t i = 0; i < mask.size(); ++i)
                ASSERT_EQ(mask[i], packed[i / 8] >> (i % 8) & 1)
                    << name << " at " << i << ": " << text << " on " << to_string(data.shape);
        }
    }
};

TEST_F(DataNormGoldens, AtenTies) {
    EXPECT_EQ(file->metadata().size(), 240u);
    compare(Ties::aten, ".aten");
}

TEST_F(DataNormGoldens, LowestTies) {
    compare(Ties::lowest, ".lowest");
}

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
}  // namespace lacuna::parity
