// Upstream's TestNearlyDiagonalSparsifier, test for test, with what its own checks leave out.

#include <gmock/gmock.h>

#include "engine/base/error.h"
#include "tests/sparsifiers/norm_request.h"
#include "tests/sparsifiers/simple_linear.h"

namespace lacuna {
namespace {

using ::testing::HasSubstr;
using testing_support::SimpleLinear;

Options nearliness(int64_t n) {
    Options options;
    options.set("nearliness", n);
    return options;
}

Mask mask_of(const Shape& shape, int64_t n, DType dtype = DType::F32) {
    const std::vector<double> weights(static_cast<size_t>(element_count(shape)), 1.0);
    const Mask current = Mask::ones(shape);
    const Options options = nearliness(n);
    return sparsifier("nearly_diagonal")
        .compute({.weight = contiguous_view(weights.data(), dtype, shape),
                  .current = &current,
                  .options = &options,
                  .ties = Ties::lowest,
                  .name = "w"});
}

TEST(TestNearlyDiagonalSparsifier, constructor) {
    const SimpleLinear model;
    const Pruning pruning = model.prepared("nearly_diagonal");
    ASSERT_EQ(pruning.groups().size(), 5u);
    for (const auto& group : pruning.groups()) {
        EXPECT_EQ(group.target.sparsifier->name(), "nearly_diagonal");
        EXPECT_EQ(group.target.options.integer("nearliness"), 1);
    }
}

TEST(TestNearlyDiagonalSparsifier, step) {
    const SimpleLinear model;
    Pruning pruning = model.prepared("nearly_diagonal");
    for (const auto& group : pruning.groups()) EXPECT_EQ(group.fake_sparsity.mask->pruned(), 0);
    Progress silent;
    pruning.step(silent);
    for (const auto& group : pruning.groups()) {
        const Mask& mask = *group.fake_sparsity.mask;
        const int64_t columns = mask.shape()[1];
        for (int64_t i = 0; i < mask.size(); ++i)
            ASSERT_EQ(mask[i], i / columns == i % columns) << group.fqn << " " << i;
    }
    // Weights that change between the steps: the mask stays the diagonal.
    const Options options = nearliness(1);
    Mask mask = Mask::ones({4, 4});
    for (uint32_t round = 0; round < 1000; ++round) {
        const std::vector<float> weights = testing_support::normal_weights(16, round);
        mask = sparsifier("nearly_diagonal")
                   .compute({.weight = contiguous_view(weights.data(), DType::F32, {4, 4}),
                             .current = &mask,
                             .options = &options,
                             .name = "w"});
        ASSERT_EQ(mask.to_bytes(), (std::vector<uint8_t>{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1})) << round;
    }
}

TEST(TestNearlyDiagonalSparsifier, prepare) {
    const SimpleLinear model;
    testing_support::expect_prepared(model, model.prepared("nearly_diagonal"));
}

TEST(TestNearlyDiagonalSparsifier, mask_squash) {
    const SimpleLinear model;
    Pruning pruning = model.prepared("nearly_diagonal");
    Progress silent;
    pruning.step(silent);
    testing_support::expect_squashed(model, pruning);
}

TEST(TestNearlyDiagonalSparsifier, sparsity_levels) {
    for (const Shape& shape : {Shape{32, 32}, Shape{32, 9}, Shape{9, 70}, Shape{64, 64}, Shape{1, 5}})
        for (int64_t n = -1; n < 100; ++n) {
            const bool refused = n > 0 && (n % 2 == 0 || n / 2 >= std::min(shape[0], shape[1]));
            if (refused) {
                EXPECT_THROW(mask_of(shape, n), Error) << n;
                continue;
            }
            const Mask mask = mask_of(shape, n);
            for (int64_t i = 0; i < mask.size(); ++i) {
                const int64_t distance = std::abs(i / shape[1] - i % shape[1]);
                ASSERT_EQ(mask[i], n > 0 && distance <= n / 2)
                    << to_string(shape) << " nearliness " << n << " at " << i;
            }
        }
}

TEST(TestNearlyDiagonalSparsifier, refused_steps_leave_the_masks) {
    const SimpleLinear model;
    const size_t square = model.checkpoint()->find("linear1.weight").value();
    const Sparsifier& rule = sparsifier("nearly_diagonal");
    for (const int64_t n : {2, 9}) {
        Pruning pruning(model.checkpoint(),
                        {{.tensor = square, .sparsifier = &rule, .options = nearliness(n), .group = 0}});
        Progress silent;
        EXPECT_THROW(pruning.step(silent), Error);
        EXPECT_EQ(*pruning.groups()[0].fake_sparsity.mask, Mask::ones({4, 4}));
    }
}

TEST(NearlyDiagonal, SaysWhatIsWrong) {
    const auto message = [](const Shape& shape, int64_t n) {
        try {
            mask_of(shape, n);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    EXPECT_THAT(message({4, 4}, 6), HasSubstr("6 is even"));
    EXPECT_THAT(message({4, 6}, 9), HasSubstr("give at most 7"));
    EXPECT_THAT(message({4, 4, 3}, 1), HasSubstr("needs two dimensions, not the 3 of [4, 4, 3]"));
    EXPECT_THAT(message({16}, 1), HasSubstr("needs two dimensions"));
    EXPECT_THAT(message({0, 4}, 1), HasSubstr("reaches past"));
    EXPECT_EQ(message({3, 3}, 5), "accepted");
    EXPECT_EQ(sparsifier("nearly_diagonal").why_not({4, 4}, DType::I64), "is I64, not floating");
    EXPECT_EQ(sparsifier("nearly_diagonal").why_not({4, 4}, DType::F8_E5M2), "");
}

TEST(NearlyDiagonal, AnyFloatingType) {
    for (const DType dtype : {DType::F64, DType::F16, DType::BF16, DType::F8_E4M3})
        EXPECT_EQ(mask_of({8, 8}, 3, dtype), mask_of({8, 8}, 3));
}

}  // namespace
}  // namespace lacuna
