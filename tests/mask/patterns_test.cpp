#include "engine/mask/patterns.h"

#include <gmock/gmock.h>

#include <random>

#include "engine/base/error.h"
#include "engine/base/parallel.h"

namespace lacuna {
namespace {

/// The same, weight by weight.
Patterns counted(const Mask& nonzero, BlockShape tile) {
    const auto [rows, columns] = matrix_shape(nonzero.shape());
    const auto zero_in = [&](int64_t top, int64_t bottom, int64_t left, int64_t right) {
        for (int64_t r = top; r < std::min(bottom, rows); ++r)
            for (int64_t c = left; c < std::min(right, columns); ++c)
                if (nonzero[r * columns + c]) return false;
        return true;
    };
    Patterns all{nonzero.pruned(), rows, 0, columns, 0, tile, 0, 0, {{1, 4}, {2, 4}, {4, 8}}};
    for (int64_t r = 0; r < rows; ++r) all.zero_rows += zero_in(r, r + 1, 0, columns);
    for (int64_t c = 0; c < columns; ++c) all.zero_columns += zero_in(0, rows, c, c + 1);
    for (int64_t r = 0; r < rows; r += tile.rows)
        for (int64_t c = 0; c < columns; c += tile.columns, ++all.tiles)
            all.zero_tiles += zero_in(r, r + tile.rows, c, c + tile.columns);
    int64_t places = 1;
    for (size_t d = 2; d < nonzero.shape().size(); ++d) places *= nonzero.shape()[d];
    const int64_t channels = columns / places;
    for (NmCount& pattern : all.n_m)
        for (int64_t r = 0; r < rows && channels >= pattern.m; ++r)
            for (int64_t place = 0; place < places; ++place)
                for (int64_t first = 0; first < channels; first += pattern.m, ++pattern.groups) {
                    int there = 0;
                    for (int64_t i = first; i < std::min(channels, first + pattern.m); ++i)
                        there += nonzero[r * columns + i * places + place];
                    pattern.held += there <= pattern.n;
                }
    return all;
}

void expect_equal(const Patterns& found, const Patterns& expected) {
    EXPECT_EQ(found.zeros, expected.zeros);
    EXPECT_EQ(found.rows, expected.rows);
    EXPECT_EQ(found.zero_rows, expected.zero_rows);
    EXPECT_EQ(found.columns, expected.columns);
    EXPECT_EQ(found.zero_columns, expected.zero_columns);
    EXPECT_EQ(found.tiles, expected.tiles);
    EXPECT_EQ(found.zero_tiles, expected.zero_tiles);
    ASSERT_EQ(found.n_m.size(), expected.n_m.size());
    for (size_t i = 0; i < found.n_m.size(); ++i) {
        EXPECT_EQ(found.n_m[i].groups, expected.n_m[i].groups) << found.n_m[i].n;
        EXPECT_EQ(found.n_m[i].held, expected.n_m[i].held) << found.n_m[i].n;
    }
}

TEST(Patterns, AsWeightByWeight) {
    std::mt19937 random(3);
    const Shape shapes[] = {{1, 1},  {5, 3},        {64, 64},     {33, 130},       {7, 1000},
                            {40, 8}, {8, 12, 3, 3}, {6, 5, 2, 1}, {300, 65, 1, 1}, {2000, 700}};
    for (const Shape& shape : shapes) {
        for (const unsigned one_in : {2u, 9u, 60u}) {
            Mask nonzero = Mask::zeros(shape);
            for (int64_t i = 0; i < nonzero.size(); ++i)
                if (random() % one_in == 0) nonzero.set(i, true);
            for (const BlockShape tile : {BlockShape{4, 4}, BlockShape{16, 5}, BlockShape{1, 70}, BlockShape{999, 2}})
                expect_equal(patterns_of(nonzero, tile), counted(nonzero, tile));
        }
    }
}

TEST(Patterns, EmptyTensorsAndBadTiles) {
    const Patterns none = patterns_of(Mask::ones({0, 4}), {4, 4});
    EXPECT_EQ(none.tiles, 0);
    EXPECT_EQ(none.rows, 0);
    EXPECT_EQ(none.zero_columns, 4);
    EXPECT_EQ(none.n_m[1].fraction(), std::nullopt);
    EXPECT_THROW(patterns_of(Mask::ones({4, 4}), {0, 4}), Error);
}

TEST(Patterns, RowsShorterThanAGroupKeepToNoPattern) {
    const Patterns depthwise = patterns_of(Mask::zeros({16, 1, 3, 3}), {4, 4});
    for (const NmCount& count : depthwise.n_m) EXPECT_EQ(count.fraction(), std::nullopt);
    const Patterns six = patterns_of(Mask::zeros({2, 6}), {4, 4});
    EXPECT_EQ(six.n_m[1].fraction(), 1.0) << "2:4: a whole group and a shorter one at the row's end";
    EXPECT_EQ(six.n_m[2].fraction(), std::nullopt) << "4:8";
}

}  // namespace
}  // namespace lacuna
