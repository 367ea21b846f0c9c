#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/sparsifiers/sparsifier.h"
#include "tests/support/safetensors_file.h"

namespace lacuna {
namespace {

Options n_of_m(int64_t n, int64_t m) {
    Options options;
    options.set("n", n);
    options.set("m", m);
    return sparsifier("n_m").complete(options);
}

Mask mask_of(const testing_support::TestTensor& tensor, const Options& options, const std::string& rule = "n_m") {
    const TensorView weight = contiguous_view(tensor.bytes.data(), tensor.dtype, tensor.shape);
    const Mask ones = Mask::ones(tensor.shape);
    return sparsifier(rule).compute({.weight = weight, .current = &ones, .options = &options, .name = "w"});
}

TEST(NM, KeepsTheLargestOfEveryGroup) {
    const auto tensor =
        testing_support::tensor_of<float>("w", DType::F32, {2, 8}, {1, -2, 3, 4, 9, 8, -7, 6, 0, 0, 0, 0, 5, 1, 1, 2});
    EXPECT_EQ(mask_of(tensor, n_of_m(2, 4)).to_bytes(),
              (std::vector<uint8_t>{0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1}));
    EXPECT_EQ(mask_of(tensor, n_of_m(1, 8)).to_bytes(),
              (std::vector<uint8_t>{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}));
    EXPECT_EQ(mask_of(tensor, n_of_m(4, 4)), Mask::ones({2, 8}));
}

// The same pattern spelt for weight_norm, whose masks are torch.ao.pruning's bit for bit.
TEST(NM, EqualsWeightNormWithThatBlock) {
    for (const Shape& shape : {Shape{16, 32}, Shape{5, 13}, Shape{6, 8, 3, 3}, Shape{24}}) {
        const auto tensor = testing_support::random_weights("w", shape, 7);
        for (const auto& [n, m] : {std::pair<int64_t, int64_t>{2, 4}, {1, 4}, {4, 8}, {1, 2}}) {
            Options options;
            options.set("sparsity_level", 1.0);
            options.set("sparse_block_shape", std::vector<int64_t>{1, m});
            options.set("zeros_per_block", m - n);
            EXPECT_EQ(mask_of(tensor, n_of_m(n, m)),
                      mask_of(tensor, sparsifier("weight_norm").complete(options), "weight_norm"))
                << to_string(shape) << " " << n << ":" << m;
        }
    }
}

TEST(NM, ConvolutionsRunAlongInputChannels) {
    const Shape shape{4, 8, 3, 3};
    const Mask mask = mask_of(testing_support::random_weights("w", shape, 3), n_of_m(2, 4));
    for (int64_t o = 0; o < 4; ++o)
        for (int64_t place = 0; place < 9; ++place)
            for (int64_t first = 0; first < 8; first += 4) {
                int kept = 0;
                for (int64_t i = first; i < first + 4; ++i) kept += mask[(o * 8 + i) * 9 + place];
                EXPECT_EQ(kept, 2);
            }
}

TEST(NM, RefusesMoreThanAGroup) {
    const Sparsifier& rule = sparsifier("n_m");
    try {
        rule.check(n_of_m(5, 4), nullptr);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.where(), "n");
        EXPECT_THAT(error.what(), testing::HasSubstr("5 of every 4 is too many"));
    }
    EXPECT_THROW(n_of_m(0, 4), Error);
    EXPECT_EQ(rule.why_not({4}, DType::U8), "is U8, not floating");
}

TEST(NM, SaysWhereRowsAreTooShortForThePattern) {
    using testing::HasSubstr;
    const auto remark = [](Shape shape, int64_t n, int64_t m) { return sparsifier("n_m").remark(n_of_m(n, m), shape); };
    EXPECT_EQ(remark({32, 64}, 2, 4), "");
    EXPECT_EQ(remark({32, 16, 3, 3}, 2, 4), "");
    EXPECT_EQ(remark({32, 1, 3, 3}, 2, 4),
              "with 1 input channel, 2 of 4 prunes everything: choose another sparsifier for this tensor");
    EXPECT_EQ(remark({32, 3, 3, 3}, 2, 4), "with 3 input channels, 2 of 4 keeps only 1 of each 3");
    EXPECT_THAT(remark({8, 10}, 2, 4), HasSubstr("with 10 weights in a row, 2 of 4 leaves a rest of 2"));
    EXPECT_THAT(remark({8, 10}, 2, 4), HasSubstr("nothing is kept"));
    EXPECT_THAT(remark({8, 11}, 2, 4), HasSubstr("only 1 are kept"));
    EXPECT_EQ(remark({32, 1, 3, 3}, 4, 4), "") << "nothing is pruned at all";
    for (const Shape& shape : {Shape{32, 1, 3, 3}, Shape{32, 3, 3, 3}}) {
        const auto tensor = testing_support::random_weights("w", shape, 7);
        EXPECT_EQ(mask_of(tensor, n_of_m(2, 4)).kept(), shape[1] == 1 ? 0 : 32 * 9) << "and it is so";
    }
    Options spelt;
    spelt.set("sparsity_level", 1.0);
    spelt.set("sparse_block_shape", std::vector<int64_t>{1, 4});
    spelt.set("zeros_per_block", int64_t(2));
    const Sparsifier& norm = sparsifier("weight_norm");
    EXPECT_EQ(norm.remark(norm.complete(spelt), {32, 1, 3, 3}), remark({32, 1, 3, 3}, 2, 4));
    spelt.set("zeros_per_block", int64_t(4));
    EXPECT_EQ(norm.remark(norm.complete(spelt), {32, 1, 3, 3}), "");
}

}  // namespace
}  // namespace lacuna
