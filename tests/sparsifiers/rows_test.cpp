#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/sparsifiers/fpgm.h"
#include "tests/sparsifiers/norm_request.h"

// The rules that prune whole rows: saliency, fpgm, lstm_saliency (docs/parity.md, structured pruners).

namespace lacuna {
namespace {

using testing::ElementsAre;
using namespace testing_support;

struct Rows {
    std::vector<float> weights;
    Shape shape;
    std::string name = "w";
    TensorView view() const { return contiguous_view(weights.data(), DType::F32, shape); }
};

Rows equal_rows(const std::vector<float>& values, int64_t columns) {
    Rows rows{{}, {int64_t(values.size()), columns}};
    for (const float value : values) rows.weights.insert(rows.weights.end(), size_t(columns), value);
    return rows;
}

Options options_of(const Sparsifier& rule, std::vector<std::pair<std::string, OptionValue>> values) {
    Options options;
    for (auto& [name, value] : values) options.set(name, std::move(value));
    return rule.complete(options);
}

/// The rows that a mask prunes; every row must be pruned or kept as a whole.
std::vector<int64_t> pruned_rows(const Mask& mask) {
    const int64_t columns = mask.size() / mask.shape()[0];
    std::vector<int64_t> rows;
    for (int64_t row = 0; row < mask.shape()[0]; ++row) {
        const int64_t kept = mask.kept_in(row * columns, (row + 1) * columns);
        EXPECT_TRUE(kept == 0 || kept == columns) << "row " << row << " is cut";
        if (kept == 0) rows.push_back(row);
    }
    return rows;
}

Mask mask_by(const Sparsifier& rule, const Options& options, const Rows& rows, const Mask* current = nullptr,
             Ties ties = Ties::lowest) {
    const Mask ones = Mask::ones(rows.shape);
    return rule.compute({.weight = rows.view(),
                         .current = current ? current : &ones,
                         .options = &options,
                         .ties = ties,
                         .name = rows.name});
}

std::vector<int64_t> rows_by(const std::string& name, double level, const Rows& rows,
                             std::vector<std::pair<std::string, OptionValue>> more = {}) {
    more.emplace_back("sparsity_level", level);
    const Sparsifier& rule = sparsifier(name);
    return pruned_rows(mask_by(rule, options_of(rule, more), rows));
}

TEST(Saliency, prunes_the_rows_of_least_magnitude) {
    EXPECT_THAT(rows_by("saliency", 0.5, equal_rows({3, -1, 2, -4}, 3)), ElementsAre(1, 2));
    EXPECT_THAT(rows_by("saliency", 0, equal_rows({3, -1, 2, -4}, 3)), ElementsAre());
    EXPECT_THAT(rows_by("saliency", 1, equal_rows({3, -1, 2, -4}, 3)), ElementsAre(0, 1, 2, 3));
}

TEST(Saliency, counts_truncated_as_python_does) {
    EXPECT_EQ(rows_by("saliency", 0.29, Rows{normal_weights(200, 1), {100, 2}}).size(), 28u);
    EXPECT_EQ(rows_by("saliency", 0.99, Rows{normal_weights(6, 1), {3, 2}}).size(), 2u);
}

TEST(Saliency, takes_filters_of_any_rank_and_puts_nan_last) {
    Rows rows = equal_rows({1, 5, 2, 4}, 18);
    rows.shape = {4, 2, 3, 3};
    EXPECT_THAT(rows_by("saliency", 0.5, rows), ElementsAre(0, 2));
    rows.weights[0] = std::nanf("");
    EXPECT_THAT(rows_by("saliency", 0.75, rows), ElementsAre(1, 2, 3));
    rows.weights[20] = std::numeric_limits<float>::infinity();
    EXPECT_THAT(rows_by("saliency", 0.75, rows), ElementsAre(1, 2, 3));
}

TEST(Saliency, equal_rows_go_lowest_first_or_as_aten_has_them) {
    const Sparsifier& rule = sparsifier("saliency");
    const Options options = options_of(rule, {{"sparsity_level", 0.5}});
    const Rows rows = equal_rows({1, 1, 1, 1}, 2);
    EXPECT_THAT(pruned_rows(mask_by(rule, options, rows)), ElementsAre(0, 1));
    EXPECT_THAT(pruned_rows(mask_by(rule, options, rows, nullptr, Ties::aten)), ElementsAre(2, 3));
}

TEST(Saliency, pruned_rows_stay_unless_scores_are_the_original_weights) {
    const Sparsifier& rule = sparsifier("saliency");
    const Rows rows = equal_rows({1, 2, 3, 4}, 2);
    Mask current = Mask::ones(rows.shape);
    current.set_range(6, 8, false);  // row 3, the largest
    EXPECT_THAT(pruned_rows(mask_by(rule, options_of(rule, {{"sparsity_level", 0.5}}), rows, &current)),
                ElementsAre(0, 3));
    EXPECT_THAT(pruned_rows(mask_by(rule, options_of(rule, {{"sparsity_level", 0.0}}), rows, &current)),
                ElementsAre(3));
    EXPECT_THAT(pruned_rows(mask_by(rule, options_of(rule, {{"score", std::string("original")}}), rows, &current)),
                ElementsAre(0, 1));
}

TEST(Saliency, one_dimension_is_refused) {
    const Sparsifier& rule = sparsifier("saliency");
    EXPECT_FALSE(rule.why_not({4}, DType::F32).empty());
    EXPECT_FALSE(rule.why_not({4, 4}, DType::I64).empty());
    EXPECT_THROW(mask_by(rule, options_of(rule, {}), Rows{{1, 2}, {2}}), Error);
}

TEST(TestFPGMPruner, compute_distance) {
    const auto distances = row_distances(equal_rows({3, 2, 0.1f}, 9).view(), 2);
    EXPECT_THAT(distances, ElementsAre(testing::DoubleNear(11.7, 1e-6), testing::DoubleNear(8.7, 1e-6),
                                       testing::DoubleNear(14.4, 1e-6)));
    EXPECT_THAT(
        row_distances(equal_rows({3, 2, 0.1f}, 9).view(), 1),
        ElementsAre(testing::DoubleNear(35.1, 1e-5), testing::DoubleNear(26.1, 1e-5), testing::DoubleNear(43.2, 1e-5)));
}

TEST(FPGM, nearest_row_goes_and_not_the_smallest) {
    EXPECT_THAT(rows_by("fpgm", 0.3, equal_rows({3, 2, 0.1f}, 9)), ElementsAre(1));
    EXPECT_THAT(rows_by("fpgm", 0.5, equal_rows({6, 7, 0.4f, 0.5f}, 27)), ElementsAre(0, 3));
    EXPECT_THAT(rows_by("fpgm", 0, equal_rows({3, 2, 0.1f}, 9)), ElementsAre());
    EXPECT_THAT(rows_by("fpgm", 1, equal_rows({3, 2, 0.1f}, 9)), ElementsAre(0, 1, 2));
}

TEST(FPGM, counts_half_to_even) {
    EXPECT_EQ(rows_by("fpgm", 0.5, Rows{normal_weights(10, 1), {5, 2}}).size(), 2u);
    EXPECT_EQ(rows_by("fpgm", 0.5, Rows{normal_weights(14, 1), {7, 2}}).size(), 4u);
}

TEST(FPGM, distances_are_exact_for_many_rows) {
    // Upstream's go through a matrix product from 26 rows on, which leaves 4e-3 on the diagonal.
    Rows rows{normal_weights(64 * 37, 3), {64, 37}};
    for (float& weight : rows.weights) weight = 100 + weight / 100;
    const auto distances = row_distances(rows.view(), 2);
    for (size_t i = 0; i < 64; ++i) {
        long double expected = 0;
        for (size_t j = 0; j < 64; ++j) {
            long double squares = 0;
            for (size_t c = 0; c < 37; ++c) {
                const long double d = (long double)(rows.weights[i * 37 + c]) - rows.weights[j * 37 + c];
                squares += d * d;
            }
            expected += std::sqrt(squares);
        }
        EXPECT_NEAR(distances[i], double(expected), 1e-12 * double(expected));
    }
}

/// Each pair's terms go into eight sums by their column, which are added up at the end, and the pairs into a row's sum
/// in the order of the other row: the bits that any way of computing it must give.
TEST(FPGM, the_order_of_sums_is_kept) {
    for (const int64_t rows : {1, 5, 33, 70})
        for (const int64_t columns : {1, 7, 8, 130, 300})
            for (const int order : {1, 2}) {
                const Rows weight{normal_weights(size_t(rows * columns), uint32_t(rows + columns)), {rows, columns}};
                std::vector<double> expected;
                for (int64_t i = 0; i < rows; ++i) {
                    double total = 0;
                    for (int64_t j = 0; j < rows; ++j) {
                        double lanes[8] = {}, sum = 0;
                        for (int64_t c = 0; c < columns; ++c) {
                            const double difference = double(weight.weights[size_t(i * columns + c)]) -
                                                      double(weight.weights[size_t(j * columns + c)]);
                            lanes[c % 8] += order == 2 ? difference * difference : std::abs(difference);
                        }
                        for (const double lane : lanes) sum += lane;
                        total += order == 2 ? std::sqrt(sum) : sum;
                    }
                    expected.push_back(total);
                }
                ASSERT_EQ(row_distances(weight.view(), order), expected) << rows << "×" << columns;
            }
}

TEST(FPGM, other_orders_are_refused) {
    const Rows rows{normal_weights(6, 1), {3, 2}};
    for (const int order : {0, 3, -1}) EXPECT_THROW(row_distances(rows.view(), order), Error) << order;
}

TEST(FPGM, stops_within_a_tensor_when_cancelled) {
    const Rows rows{normal_weights(64 * 5, 1), {64, 5}};
    CancelToken token;
    const Progress progress(nullptr, token);
    EXPECT_NO_THROW(row_distances(rows.view(), 2, &progress));
    std::atomic<int> asked = 0;
    const RowDistance once = [&](std::span<const double>, std::span<const double>) {
        ++asked;
        token.cancel();
        return 0.0;
    };
    EXPECT_THROW(row_distances(rows.view(), once, &progress), Cancelled);
    EXPECT_LT(asked, 64 * 64);
    EXPECT_THROW(row_distances(rows.view(), 2, &progress), Cancelled);
    const Sparsifier& rule = sparsifier("fpgm");
    const Options options = options_of(rule, {});
    const Mask ones = Mask::ones(rows.shape);
    EXPECT_THROW(
        rule.compute(
            {.weight = rows.view(), .current = &ones, .options = &options, .name = "w", .progress = &progress}),
        Cancelled);
}

TEST(FPGM, masks_do_not_move_the_distances) {
    const Sparsifier& rule = sparsifier("fpgm");
    const Options options = options_of(rule, {{"sparsity_level", 0.3}});
    const Rows rows{normal_weights(10 * 8, 5), {10, 8}};
    const Mask first = mask_by(rule, options, rows);
    EXPECT_EQ(mask_by(rule, options, rows, &first), first);
}

TEST(FPGM, a_distance_of_ones_own) {
    // By their first weight alone.
    const auto rule =
        make_fpgm([](std::span<const double> a, std::span<const double> b) { return std::abs(a[0] - b[0]); });
    const Rows rows{{0, 9, 5, 0, 6, 7}, {3, 2}};
    EXPECT_THAT(pruned_rows(mask_by(*rule, options_of(*rule, {{"sparsity_level", 0.3}}), rows)), ElementsAre(1));
}

// Upstream refuses half precision.
TEST(FPGM, narrow_types_count_as_their_float32_values) {
    std::vector<uint16_t> halves(12 * 5);
    for (size_t i = 0; i < halves.size(); ++i)
        halves[i] = uint16_t(0x3800 + i * i * 7 % 0x800 + (i % 3 == 0 ? 0x8000 : 0));
    const Sparsifier& rule = sparsifier("fpgm");
    const Options options = options_of(rule, {{"sparsity_level", 0.4}});
    for (const DType dtype : {DType::F16, DType::BF16}) {
        const TensorView narrow = contiguous_view(halves.data(), dtype, {12, 5});
        Rows wide{std::vector<float>(halves.size()), {12, 5}};
        read_as_float(narrow, 0, 60, wide.weights.data());
        EXPECT_EQ(row_distances(narrow, 2), row_distances(wide.view(), 2));
        const Mask ones = Mask::ones({12, 5});
        const Mask mask = rule.compute({.weight = narrow, .current = &ones, .options = &options, .name = "w"});
        EXPECT_EQ(mask, mask_by(rule, options, wide)) << dtype_name(dtype);
        EXPECT_EQ(pruned_rows(mask).size(), 5u);
    }
}

TEST(FPGM, threads_do_not_matter) {
    const Rows rows{normal_weights(100 * 30, 8), {100, 30}};
    set_threads(1);
    const auto alone = row_distances(rows.view(), 2);
    set_threads(7);
    EXPECT_EQ(row_distances(rows.view(), 2), alone);
    set_threads(0);
}

/// weight_ih and weight_hh of a layer with two units a gate.
std::vector<Mask> lstm_masks(const std::vector<float>& ih, const std::vector<float>& hh, const std::string& units) {
    const Sparsifier& rule = sparsifier("lstm_saliency");
    const Options options = options_of(rule, {{"units", units}});
    Rows input = equal_rows(ih, 2), hidden = equal_rows(hh, 2);
    input.name = "lstm.weight_ih_l0";
    hidden.name = "lstm.weight_hh_l0";
    const Mask ones = Mask::ones(input.shape);
    const MaskRequest both[] = {
        {.weight = input.view(), .current = &ones, .options = &options, .ties = Ties::lowest, .name = input.name},
        {.weight = hidden.view(), .current = &ones, .options = &options, .ties = Ties::lowest, .name = hidden.name}};
    return rule.compute_all(both);
}

TEST(LstmSaliency, one_unit_goes_in_all_gates_of_a_layer) {
    // Unit 0 adds up to 14, unit 1 to 18, though unit 1 is the lower one in weight_hh.
    const auto masks = lstm_masks({1, 4, 1, 4, 1, 4, 1, 4}, {2, .5f, 2, .5f, 2, .5f, 2, .5f}, "together");
    EXPECT_THAT(pruned_rows(masks[0]), ElementsAre(0, 2, 4, 6));
    EXPECT_EQ(masks[0], masks[1]);
}

TEST(LstmSaliency, apart_is_upstreams_choice) {
    const auto masks = lstm_masks({1, 2, 2, 1, -1, -2, -2, -1}, {3, 1, 3, 1, 1, 3, 3, 1}, "apart");
    EXPECT_THAT(pruned_rows(masks[0]), ElementsAre(0, 3, 4, 7));
    EXPECT_THAT(pruned_rows(masks[1]), ElementsAre(1, 3, 4, 7));
}

TEST(LstmSaliency, rows_that_are_no_four_gates_are_refused) {
    EXPECT_FALSE(sparsifier("lstm_saliency").why_not({6, 4}, DType::F32).empty());
    EXPECT_TRUE(sparsifier("lstm_saliency").why_not({8, 4}, DType::F32).empty());
}

}  // namespace
}  // namespace lacuna
