#include "ui/canvas/mask_tiles.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/ui/canvas/harness.h"
#include "tests/ui/canvas/sample.h"

namespace lacuna::ui {
namespace {

constexpr double no_time = 0, plenty = 1e6;

std::vector<uint32_t> painted(const TensorDetail& detail, const TileKey& key, const MaskColours& colours) {
    std::vector<uint32_t> texels(size_t(tile_side) * tile_side, 0);
    paint_tile(detail, key, colours, texels);
    return texels;
}

int part(uint32_t colour, int shift) {
    return int(colour >> shift & 0xff);
}

/// A cell of the matrix from the weights themselves.
struct CellByHand {
    float magnitude, kept;
};

CellByHand cell_by_hand(const Sample& sample, const TileKey& key, int64_t x, int64_t y) {
    const MatrixShape matrix = matrix_shape(sample.detail->weight.shape);
    const int64_t across = int64_t(1) << key.level_x, down = int64_t(1) << key.level_y;
    double sum = 0, kept = 0, cells = 0;
    for (int64_t r = y * down; r < std::min(matrix.rows, (y + 1) * down); ++r)
        for (int64_t c = x * across; c < std::min(matrix.columns, (x + 1) * across); ++c) {
            const auto i = size_t(r * matrix.columns + c);
            sum += std::abs(double((*sample.weights)[i])) / sample.detail->full_scale;
            kept += (*sample.detail->mask)[int64_t(i)] ? 1 : 0;
            ++cells;
        }
    return {float(sum / cells), float(kept / cells)};
}

/// Pyramids hold bytes, so a colour may be that of a cell which is a byte's rounding larger or smaller.
void expect_rounded(uint32_t shown, const MaskColours& colours, const CellByHand& cell, const std::string& where) {
    constexpr float byte = 1.0f / 255;
    for (int shift = 0; shift < 24; shift += 8) {
        int least = 255, most = 0;
        for (const float m : {-byte, 0.0f, byte})
            for (const float k : {-byte, 0.0f, byte}) {
                const int possible = part(colours.cell(cell.magnitude + m, cell.kept + k), shift);
                least = std::min(least, possible), most = std::max(most, possible);
            }
        EXPECT_GE(part(shown, shift), least - 1) << where;
        EXPECT_LE(part(shown, shift), most + 1) << where;
    }
}

struct TileCase {
    Shape shape;
    TileKey key;
};

class PaintedTile : public testing::TestWithParam<TileCase> {};

TEST_P(PaintedTile, ShowsTheWeightsThatItStandsFor) {
    const auto& [shape, key] = GetParam();
    const Sample sample = trained_sample(shape, 0.5);
    const ViewStyle style = view_style(Theme::of(true));
    for (const MaskMode mode : {MaskMode::weights, MaskMode::mask, MaskMode::magnitude}) {
        const MaskColours colours(style, mode);
        const auto texels = painted(*sample.detail, key, colours);
        const TileExtent extent = tile_extent(matrix_shape(shape), key);
        ASSERT_GT(extent.width * extent.height, 0);
        const int64_t columns = matrix_shape(shape).columns;
        for (int y = 0; y < extent.height; y += std::max(1, extent.height / 7))
            for (int x = 0; x < extent.width; x += std::max(1, extent.width / 7)) {
                const uint32_t shown = texels[size_t(y) * tile_side + size_t(x)];
                const int64_t row = key.y * tile_side + y, column = key.x * tile_side + x;
                if (key.level_x == 0 && key.level_y == 0) {
                    const auto i = size_t(row * columns + column);
                    EXPECT_EQ(shown, colours.weight((*sample.weights)[i] * float(1.0 / sample.detail->full_scale),
                                                    (*sample.detail->mask)[int64_t(i)]));
                } else {
                    expect_rounded(shown, colours, cell_by_hand(sample, key, column, row),
                                   to_string(shape) + " at " + std::to_string(column) + ", " + std::to_string(row));
                }
            }
        for (int y = extent.height; y < tile_side; y += 50) EXPECT_EQ(texels[size_t(y) * tile_side], 0u) << "outside";
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, PaintedTile,
                         testing::Values(TileCase{{300, 520}, {0, 0, 0, 0}}, TileCase{{300, 520}, {0, 0, 2, 1}},
                                         TileCase{{300, 520}, {1, 1, 1, 0}}, TileCase{{301, 523}, {2, 2, 0, 0}},
                                         TileCase{{301, 523}, {3, 3, 0, 0}}, TileCase{{1001, 777}, {4, 4, 0, 0}},
                                         TileCase{{10, 4096}, {2, 0, 1, 0}}, TileCase{{10, 4096}, {4, 0, 0, 0}},
                                         TileCase{{4096, 10}, {0, 4, 0, 0}}, TileCase{{900, 700}, {1, 3, 0, 0}},
                                         TileCase{{900, 700}, {3, 1, 0, 0}}, TileCase{{1, 1}, {0, 0, 0, 0}},
                                         TileCase{{1, 1000}, {0, 0, 3, 0}}, TileCase{{1, 1000}, {2, 0, 0, 0}},
                                         TileCase{{777}, {0, 0, 3, 0}}, TileCase{{8, 5, 3, 3}, {0, 0, 0, 0}},
                                         TileCase{{600, 600}, {8, 8, 0, 0}}));

TEST(PaintedTiles, TellZerosOfTheFileFromGapsAtEveryZoom) {
    // Quarters of 64 columns: dense, pruned, zero in the file, zero in every other column.
    const auto value = [](int64_t i) {
        const int64_t column = i % 256;
        return column < 64 ? 1.0F : column < 128 ? 0.1F : column < 192 || column % 2 == 0 ? 0.0F : 2.0F;
    };
    Sample sample = sample_of({128, 256}, 0, value);
    auto detail = std::make_shared<TensorDetail>(*sample.detail);
    Mask mask = Mask::ones({128, 256});
    for (int64_t row = 0; row < 128; ++row) mask.set_range(row * 256 + 64, row * 256 + 128, false);
    detail->kept = mask.kept();
    detail->density = std::make_shared<const Pyramid>(density_pyramid(mask));
    detail->mask = std::make_shared<const Mask>(std::move(mask));
    sample = with_own_zeros({sample.weights, detail});
    EXPECT_EQ(sample.detail->zero_kept, 128 * (64 + 32));
    const ViewStyle style = view_style(Theme::of(false));
    for (const MaskMode mode : {MaskMode::weights, MaskMode::mask}) {
        const MaskColours colours(style, mode);
        for (const int level : {0, 1, 3}) {
            const auto texels = painted(*sample.detail, {level, level, 0, 0}, colours);
            const auto at = [&](int column) { return texels[size_t(column >> level)]; };
            EXPECT_EQ(at(80), style.gap) << level;
            EXPECT_EQ(at(150), style.own_zero) << level;
            EXPECT_NE(at(10), style.own_zero) << level;
            EXPECT_NE(at(10), style.gap) << level;
        }
        const uint32_t half = painted(*sample.detail, {1, 1, 0, 0}, colours)[100];
        const uint32_t expected = colours.cell(1 / float(sample.detail->full_scale), 1, 0.5f);
        for (int shift = 0; shift < 24; shift += 8) EXPECT_NEAR(part(half, shift), part(expected, shift), 2);
    }
    const MaskColours magnitude(style, MaskMode::magnitude);
    EXPECT_EQ(painted(*sample.detail, {0, 0, 0, 0}, magnitude)[150], style.magnitude_low);
}

TEST(TileExtent, IsWhatTheMatrixLeavesOfATile) {
    const MatrixShape matrix{300, 520};
    EXPECT_EQ(tile_extent(matrix, {0, 0, 2, 1}).width, 8);
    EXPECT_EQ(tile_extent(matrix, {0, 0, 2, 1}).height, 44);
    EXPECT_EQ(tile_extent(matrix, {3, 3, 0, 0}).width, 65);
    EXPECT_EQ(tile_extent(matrix, {3, 3, 0, 0}).height, 38);
    EXPECT_EQ(tile_extent(matrix, {0, 0, 3, 0}).width, 0);
}

TEST(MaskColours, PruneToGapsAndTellNumbersThatAreNone) {
    const ViewStyle style = view_style(Theme::of(false));
    const MaskColours colours(style, MaskMode::weights);
    EXPECT_EQ(colours.weight(0.3f, false), style.gap);
    EXPECT_EQ(colours.weight(0, true), style.zero);
    EXPECT_EQ(colours.weight(1, true), style.positive);
    EXPECT_EQ(colours.weight(INFINITY, true), style.positive);
    EXPECT_EQ(colours.weight(-7, true), style.negative);
    EXPECT_EQ(colours.weight(NAN, true), style.warning);
    EXPECT_EQ(colours.cell(0.5f, 0), style.gap);
    EXPECT_EQ(MaskColours(style, MaskMode::mask).cell(0.5f, 1), style.kept);
    EXPECT_EQ(MaskColours(style, MaskMode::magnitude).weight(1, false), style.magnitude_high);
}

class TileCacheTest : public testing::Test {
  protected:
    /// A frame in which all of `keys` are asked for; returns how many of them there were.
    int ask(TileCache& cache, const TensorDetailPtr& detail, const std::vector<TileKey>& keys, double budget,
            MaskMode mode = MaskMode::weights) {
        return harness.frame([&] {
            cache.begin_frame(detail, mode, harness.style, budget);
            int there = 0;
            for (const TileKey& key : keys) there += cache.tile(key) != nullptr;
            return there;
        });
    }
    static std::vector<TileKey> row_of_tiles(int64_t begin, int64_t end) {
        std::vector<TileKey> keys;
        for (int64_t x = begin; x < end; ++x) keys.push_back({0, 0, x, 0});
        return keys;
    }

    Harness harness;
    const Sample wide = trained_sample({16, 20 * 256}, 0.5);
};

TEST_F(TileCacheTest, MakesOneTileAFrameWhenThereIsNoTime) {
    TileCache cache;
    const auto keys = row_of_tiles(0, 5);
    for (int frame = 1; frame <= 5; ++frame) {
        EXPECT_EQ(ask(cache, wide.detail, keys, no_time), frame);
        EXPECT_EQ(cache.incomplete(), frame < 5);
    }
}

TEST_F(TileCacheTest, NeverHoldsMoreTilesThanItMay) {
    TileCache cache(6);
    for (int64_t x = 0; x + 4 <= 20; ++x) {
        EXPECT_EQ(ask(cache, wide.detail, row_of_tiles(x, x + 4), plenty), 4);
        EXPECT_LE(cache.tiles(), 6u);
    }
    EXPECT_EQ(ask(cache, wide.detail, row_of_tiles(0, 20), plenty), 6) << "the frame's own tiles are not given up";
    EXPECT_FALSE(cache.incomplete()) << "another frame would not bring more";
}

TEST_F(TileCacheTest, GivesUpTheLongestUnusedTile) {
    TileCache cache(3);
    ask(cache, wide.detail, row_of_tiles(0, 1), plenty);
    ask(cache, wide.detail, row_of_tiles(1, 2), plenty);
    ask(cache, wide.detail, row_of_tiles(2, 3), plenty);
    ask(cache, wide.detail, row_of_tiles(0, 1), plenty);
    ask(cache, wide.detail, row_of_tiles(3, 4), plenty);
    harness.frame([&] {
        cache.begin_frame(wide.detail, MaskMode::weights, harness.style, plenty);
        EXPECT_NE(cache.find({0, 0, 0, 0}), nullptr);
        EXPECT_EQ(cache.find({0, 0, 1, 0}), nullptr);
        EXPECT_NE(cache.find({0, 0, 2, 0}), nullptr);
        return 0;
    });
}

TEST_F(TileCacheTest, ShowsTheOldMaskUntilTheNewOneIsPainted) {
    TileCache cache;
    ask(cache, wide.detail, row_of_tiles(0, 3), plenty);
    auto next = std::make_shared<TensorDetail>(*wide.detail);
    next->mask = std::make_shared<const Mask>(Mask::zeros(wide.detail->weight.shape));
    EXPECT_EQ(ask(cache, next, row_of_tiles(0, 3), no_time), 3) << "stale, but there";
    EXPECT_TRUE(cache.incomplete());
    ask(cache, next, row_of_tiles(0, 3), plenty);
    EXPECT_FALSE(cache.incomplete());
    harness.frame([&] {
        cache.begin_frame(next, MaskMode::weights, harness.style, plenty);
        const auto* texels = reinterpret_cast<const uint32_t*>(cache.find({0, 0, 1, 0})->Pixels);
        EXPECT_EQ(texels[0], harness.style.gap);
        EXPECT_EQ(texels[15 * tile_side + 255], harness.style.gap);
        return 0;
    });
}

TEST_F(TileCacheTest, AMagnitudePictureDoesNotDependOnTheMask) {
    TileCache cache;
    ask(cache, wide.detail, row_of_tiles(0, 3), plenty, MaskMode::magnitude);
    auto next = std::make_shared<TensorDetail>(*wide.detail);
    next->mask = std::make_shared<const Mask>(Mask::zeros(wide.detail->weight.shape));
    next->density = wide.detail->density;
    ask(cache, next, row_of_tiles(0, 3), no_time, MaskMode::magnitude);
    EXPECT_FALSE(cache.incomplete());
}

TEST_F(TileCacheTest, AnotherTensorBeginsEmpty) {
    TileCache cache;
    ask(cache, wide.detail, row_of_tiles(0, 3), plenty);
    const Sample other = trained_sample({16, 20 * 256}, 0.2);
    EXPECT_EQ(ask(cache, other.detail, row_of_tiles(0, 3), no_time), 1) << "no picture of the tensor before";
}

}  // namespace
}  // namespace lacuna::ui
