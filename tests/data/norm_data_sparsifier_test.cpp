// Upstream's TestNormDataSparsifiers, L1 and L2, over tensors, parameters (here: transposed, in double precision) and
// embeddings (in bfloat16).

#include "tests/data/data_sets.h"

namespace lacuna {
namespace {

using testing_support::OwnedData;
using testing_support::problem_of;

struct Rule {
    double level;
    std::vector<int64_t> block;
    int64_t zeros;
};

Options options_of(const Rule& rule, const std::string& norm) {
    Options options;
    options.set("sparsity_level", rule.level);
    options.set("sparse_block_shape", rule.block);
    options.set("zeros_per_block", rule.zeros);
    options.set("norm", norm);
    return options;
}

DataConfig config_of(const Rule& rule, const std::string& norm) {
    return {.options = options_of(rule, norm), .reuse_mask = true, .mask = nullptr};
}

OwnedData make(const std::string& kind, Shape shape, uint32_t seed) {
    if (kind == "parameters") return OwnedData(kind, DType::F64, std::move(shape), true, seed);
    return OwnedData(kind, kind == "embeddings" ? DType::BF16 : DType::F32, std::move(shape), false, seed);
}

/// Upstream's bounds: k blocks lose at least one and at most min(vpb, zpb) values each.
void check_step(const std::string& kind, const std::string& norm) {
    const std::vector<Rule> rules{
        {0.3, {1, 4}, 4}, {0.5, {2, 2}, 3}, {0.7, {1, 1}, 1}, {0.66, {3, 5}, 7}, {1, {1, 4}, 4}};
    for (const Rule& rule : rules)
        for (const Shape& shape : {Shape{12, 12}, Shape{5, 7}, Shape{30, 9}}) {
            const OwnedData data = make(kind, shape, 11);
            DataPruning pruning(sparsifier("data_norm"));
            pruning.add_data("data", data.ref, config_of(rule, norm));
            EXPECT_EQ(pruning.get_mask("data").pruned(), 0);
            pruning.step();
            const int64_t rows = (shape[0] + rule.block[0] - 1) / rule.block[0];
            const int64_t columns = (shape[1] + rule.block[1] - 1) / rule.block[1];
            const auto k = int64_t(std::nearbyint(rule.level * double(rows * columns)));
            const int64_t pruned = pruning.get_mask("data").pruned();
            EXPECT_GE(pruned, k) << to_string(shape);
            EXPECT_LE(pruned, k * rule.zeros) << to_string(shape);
            const bool ragged = shape[0] % rule.block[0] != 0 || shape[1] % rule.block[1] != 0;
            EXPECT_TRUE(ragged || pruned == k * rule.zeros) << to_string(shape);
        }
}

void check_re_adding(const std::string& kind, const std::string& norm) {
    DataPruning pruning(sparsifier("data_norm"), options_of({0.5, {1, 4}, 4}, norm));
    std::vector<OwnedData> kept;
    for (uint32_t round = 0; round < 100; ++round) {
        kept.push_back(make(kind, {4, 4}, round + 1));
        pruning.add_data("data", kept.back().ref);
        pruning.step();
        EXPECT_EQ(pruning.get_mask("data").pruned(), 8) << "exactly half of the four blocks";
    }
}

void check_two_of_four(const std::string& kind, const std::string& norm) {
    const OwnedData data = make(kind, {4, 12}, 5);
    DataPruning pruning(sparsifier("data_norm"), options_of({1, {1, 4}, 2}, norm));
    pruning.add_data("data", data.ref);
    pruning.step();
    const Mask& mask = pruning.get_mask("data");
    const std::vector<float> values = data.values();
    for (int64_t first = 0; first < 48; first += 4) {
        EXPECT_EQ(mask.kept_in(first, first + 4), 2);
        for (int64_t i = first; i < first + 4; ++i)
            for (int64_t j = first; j < first + 4; ++j)
                EXPECT_TRUE(!mask[i] || mask[j] || values[size_t(i)] >= values[size_t(j)]) << i << ", " << j;
    }
}

/// 85 tensors of ones: zeros are exactly clamp(level) · zpb / vpb of the values.
void check_sparsity_levels(const std::string& kind, const std::string& norm) {
    int checked = 0;
    for (const double level : {-1.0, 0.0, 0.5, 1.0, 2.0})
        for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {1, 4}, {2, 2}, {4, 1}})
            for (int64_t zeros = 0; zeros <= rows * columns; ++zeros, ++checked) {
                OwnedData data = make(kind, {12, 12}, 1);
                for (int64_t i = 0; i < 144; ++i) data.set(i, 1);
                DataPruning pruning(sparsifier("data_norm"), options_of({0.5, {rows, columns}, zeros}, norm));
                pruning.add_data("data", data.ref);
                pruning.set_option("sparsity_level", {{"data", level}});
                pruning.step();
                const double share = std::clamp(level, 0.0, 1.0) * double(zeros) / double(rows * columns);
                EXPECT_EQ(double(pruning.get_mask("data").pruned()), share * 144)
                    << level << " " << rows << "×" << columns << " " << zeros;
            }
    EXPECT_EQ(checked, 85);
}

/// 1-D, (n, 1) and (1, a, b) data: upstream's masks have another shape, and the next read fails.
void check_shapes(const std::string& kind, const std::string& norm) {
    for (const Shape& shape : {Shape{16}, Shape{16, 1}, Shape{1, 4, 4}}) {
        const bool transposed = shape.size() == 2 && kind == "parameters";
        const OwnedData data("data", DType::F32, shape, transposed, 3);
        DataPruning pruning(sparsifier("data_norm"), options_of({0.5, {1, 4}, 4}, norm));
        pruning.add_data("data", data.ref);
        pruning.step();
        EXPECT_EQ(pruning.get_mask("data").shape(), shape);
        EXPECT_EQ(pruning.get_mask("data").pruned(), 8);
        EXPECT_EQ(pruning.get_masked("data").size(), 64u);
    }
}

void check_all(const std::string& kind) {
    for (const char* norm : {"L1", "L2"}) {
        check_step(kind, norm);
        check_re_adding(kind, norm);
        check_two_of_four(kind, norm);
        check_sparsity_levels(kind, norm);
        check_shapes(kind, norm);
    }
}

TEST(TestNormDataSparsifiers, tensors) {
    check_all("tensors");
}

TEST(TestNormDataSparsifiers, nn_parameters) {
    check_all("parameters");
}

TEST(TestNormDataSparsifiers, nn_embeddings) {
    check_all("embeddings");
}

// 1 2 3 4 with half pruned, then the same memory as 4 3 2 1: the mask flips, as upstream's does.
TEST(TestNormDataSparsifiers, values_revive) {
    OwnedData data("data", DType::F32, {1, 4});
    DataPruning pruning(sparsifier("data_norm"), options_of({0.5, {1, 1}, 1}, "L1"));
    pruning.add_data("data", data.ref);
    for (int64_t i = 0; i < 4; ++i) data.set(i, float(i + 1));
    pruning.step();
    EXPECT_EQ(pruning.get_mask("data").to_bytes(), (std::vector<uint8_t>{0, 0, 1, 1}));
    for (int64_t i = 0; i < 4; ++i) data.set(i, float(4 - i));
    pruning.step();
    EXPECT_EQ(pruning.get_mask("data").to_bytes(), (std::vector<uint8_t>{1, 1, 0, 0}));
}

TEST(TestNormDataSparsifiers, block_shape_alone_keeps_the_zeros) {
    OwnedData data("data", DType::F32, {2, 8});
    std::vector<DataNotice> notices;
    DataPruning pruning(sparsifier("data_norm"), {}, Ties::lowest,
                        [&](const auto& notice) { notices.push_back(notice); });
    Options wider, single;
    wider.set("sparse_block_shape", std::vector<int64_t>{1, 8});
    single.set("sparse_block_shape", std::vector<int64_t>{1, 1});
    pruning.add_data("data", data.ref, {.options = wider, .reuse_mask = true, .mask = nullptr});
    EXPECT_EQ(pruning.options("data").integer("zeros_per_block"), 4);
    ASSERT_EQ(notices.size(), 1u);
    EXPECT_EQ(notices[0].kind, DataNotice::Kind::kept_zeros);
    EXPECT_THAT(problem_of([&] {
                    pruning.add_data("data", data.ref, {.options = single, .reuse_mask = true, .mask = nullptr});
                }),
                testing::HasSubstr("4 is more than the 1 weights of a 1×1 block"));
}

TEST(TestNormDataSparsifiers, other_norms_are_refused) {
    Options options;
    options.set("norm", std::string("L3"));
    EXPECT_THAT(problem_of([&] { DataPruning(sparsifier("data_norm"), options); }),
                testing::HasSubstr("L3 is not one of"));
    std::vector<int32_t> whole(4);
    DataPruning pruning(sparsifier("data_norm"));
    EXPECT_THAT(problem_of([&] { pruning.add_data("data", data_ref(whole.data(), DType::I32, {4})); }),
                testing::HasSubstr("data: is I32, not floating"));
}

}  // namespace
}  // namespace lacuna
