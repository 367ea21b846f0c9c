#include "ui/canvas/rasteriser.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <vector>

#include "engine/base/parallel.h"
#include "tests/ui/canvas/harness.h"

namespace lacuna::ui {
namespace {

constexpr uint32_t white = 0xffffffff;

/// Ours to call in place of the platform's: the rasteriser compares the address.
void nearest_sampler(const ImDrawList*, const ImDrawCmd*) {}

/// A frame of 40 × 40 logical pixels in which `paint` adds to the draw list, as pixels on white.
class Picture {
  public:
    explicit Picture(const std::function<void(ImDrawList&)>& paint, float scale = 1) : harness_(40, 40, scale) {
        ImGui::GetPlatformIO().DrawCallback_SetSamplerNearest = nearest_sampler;
        side_ = int(40 * scale);
        pixels_.resize(size_t(side_) * size_t(side_));
        harness_.frame([&] {
            paint(*ImGui::GetWindowDrawList());
            return 0;
        });
        rasterise(*ImGui::GetDrawData(), white, {pixels_.data(), side_, side_, side_});
    }
    uint32_t at(int x, int y) const { return pixels_[size_t(y) * size_t(side_) + size_t(x)]; }
    int count(uint32_t colour) const { return int(std::count(pixels_.begin(), pixels_.end(), colour)); }
    const std::vector<uint32_t>& pixels() const { return pixels_; }

  private:
    Harness harness_;
    int side_ = 0;
    std::vector<uint32_t> pixels_;
};

TEST(Rasteriser, FillsARectangleAndNothingElse) {
    const Picture picture([](ImDrawList& list) { list.AddRectFilled({4, 6}, {10, 9}, IM_COL32(255, 0, 0, 255)); });
    EXPECT_EQ(picture.count(0xffff0000), 6 * 3);
    EXPECT_EQ(picture.count(white), 40 * 40 - 6 * 3);
    EXPECT_EQ(picture.at(4, 6), 0xffff0000);
    EXPECT_EQ(picture.at(9, 8), 0xffff0000);
    EXPECT_EQ(picture.at(10, 8), white);
    EXPECT_EQ(picture.at(9, 9), white);
}

TEST(Rasteriser, CoversPixelsWhoseCentresAreInside) {
    const Picture picture([](ImDrawList& list) {
        list.AddRectFilled({4.4f, 6.6f}, {7.6f, 8.4f}, IM_COL32(0, 0, 255, 255));
    });
    EXPECT_EQ(picture.count(0xff0000ff), 4 * 1) << "columns 4 to 7, row 7";
    EXPECT_EQ(picture.at(4, 7), 0xff0000ff);
    EXPECT_EQ(picture.at(7, 7), 0xff0000ff);
}

TEST(Rasteriser, BlendsInEightBits) {
    const Picture picture([](ImDrawList& list) { list.AddRectFilled({0, 0}, {40, 40}, IM_COL32(0, 100, 255, 128)); });
    // 255·127/255 = 127; (100·128 + 255·127)/255 = 177.2; 255.
    EXPECT_EQ(picture.at(20, 20), 0xff7fb1ff);
}

TEST(Rasteriser, StaysInsideTheClipRectangle) {
    const Picture picture([](ImDrawList& list) {
        list.PushClipRect({5, 5}, {8, 7});
        list.AddRectFilled({0, 0}, {40, 40}, IM_COL32(0, 0, 0, 255));
        list.AddTriangleFilled({0, 0}, {40, 0}, {0, 40}, IM_COL32(0, 0, 0, 255));
        list.PopClipRect();
    });
    EXPECT_EQ(picture.count(0xff000000), 3 * 2);
}

TEST(Rasteriser, ScalesToPhysicalPixels) {
    const Picture picture([](ImDrawList& list) { list.AddRectFilled({4, 6}, {10, 9}, IM_COL32(255, 0, 0, 255)); }, 2);
    EXPECT_EQ(picture.count(0xffff0000), 12 * 6);
    EXPECT_EQ(picture.at(8, 12), 0xffff0000);
    EXPECT_EQ(picture.at(7, 12), white);
}

TEST(Rasteriser, TrianglesThatShareAnEdgeLeaveNoGapAndDoNotOverlap) {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> place(1, 39);
    for (int round = 0; round < 20; ++round) {
        // A fan around an inner point covers the square; half-transparent, so that a pixel drawn twice shows.
        const ImVec2 middle{place(random), place(random)};
        const Picture picture([&](ImDrawList& list) {
            list.Flags &= ~ImDrawListFlags_AntiAliasedFill;
            const ImVec2 corners[] = {{0, 0}, {40, 0}, {40, 40}, {0, 40}};
            for (int i = 0; i < 4; ++i)
                list.AddTriangleFilled(corners[i], corners[(i + 1) % 4], middle, IM_COL32(0, 0, 0, 128));
        });
        EXPECT_EQ(picture.count(0xff7f7f7f), 40 * 40) << "around " << middle.x << ", " << middle.y;
    }
}

TEST(Rasteriser, InterpolatesColours) {
    const Picture picture([](ImDrawList& list) {
        list.AddRectFilledMultiColor({0, 0}, {40, 40}, IM_COL32(0, 0, 0, 255), IM_COL32(200, 0, 0, 255),
                                     IM_COL32(200, 0, 0, 255), IM_COL32(0, 0, 0, 255));
    });
    for (const int y : {0, 17, 39}) {
        EXPECT_NEAR(int(picture.at(0, y) >> 16 & 0xff), 2, 1);
        EXPECT_NEAR(int(picture.at(20, y) >> 16 & 0xff), 102, 1);
        EXPECT_NEAR(int(picture.at(39, y) >> 16 & 0xff), 197, 1);
    }
}

/// Two by two texels: red and green above, blue and half-transparent black below.
class Texels {
  public:
    Texels() {
        data_.Create(ImTextureFormat_RGBA32, 2, 2);
        const uint32_t texels[] = {0xff0000ff, 0xff00ff00, 0xffff0000, 0x80000000};
        std::copy(std::begin(texels), std::end(texels), reinterpret_cast<uint32_t*>(data_.Pixels));
        data_.SetTexID(ImTextureID(reinterpret_cast<intptr_t>(&data_)));
        data_.SetStatus(ImTextureStatus_OK);
    }
    ImTextureRef ref() const { return ImTextureRef(data_.GetTexID()); }

  private:
    ImTextureData data_;
};

TEST(Rasteriser, SamplesTheNearestTexel) {
    const Texels texels;
    const Picture picture([&](ImDrawList& list) {
        list.AddCallback(nearest_sampler, nullptr);
        list.AddImage(texels.ref(), {10, 10}, {30, 30});
    });
    EXPECT_EQ(picture.count(0xffff0000), 100);
    EXPECT_EQ(picture.count(0xff00ff00), 100);
    EXPECT_EQ(picture.count(0xff0000ff), 100);
    EXPECT_EQ(picture.count(0xff7f7f7f), 100);
    EXPECT_EQ(picture.at(19, 19), 0xffff0000);
    EXPECT_EQ(picture.at(20, 19), 0xff00ff00);
    EXPECT_EQ(picture.at(19, 20), 0xff0000ff);
}

TEST(Rasteriser, SamplesLinearlyByDefaultAndTints) {
    const Texels texels;
    const Picture picture([&](ImDrawList& list) {
        list.AddImage(texels.ref(), {0, 0}, {40, 2}, {0, 0.25f}, {1, 0.25f}, IM_COL32(255, 128, 255, 255));
    });
    EXPECT_EQ(picture.at(0, 0), 0xffff0000) << "beyond the first texel's centre its colour goes on";
    EXPECT_EQ(picture.at(39, 0), 0xff008000) << "green, halved by the tint";
    const uint32_t middle = picture.at(20, 0);
    EXPECT_NEAR(int(middle >> 16 & 0xff), 124, 4);
    EXPECT_NEAR(int(middle >> 8 & 0xff), 66, 4);
}

TEST(Rasteriser, DrawsImageTrianglesLikeImageRectangles) {
    const Texels texels;
    const Picture upright([&](ImDrawList& list) {
        list.AddCallback(nearest_sampler, nullptr);
        list.AddImage(texels.ref(), {10, 10}, {30, 30});
    });
    const Picture quad([&](ImDrawList& list) {
        list.AddCallback(nearest_sampler, nullptr);
        // One corner a hair off: no longer an upright rectangle, so it takes the way of triangles.
        list.AddImageQuad(texels.ref(), {10, 10}, {30, 10.0001f}, {30, 30}, {10, 30});
    });
    EXPECT_EQ(upright.pixels(), quad.pixels());
}

TEST(Rasteriser, GivesTheSamePixelsWithAnyNumberOfThreads) {
    const auto paint = [](ImDrawList& list) {
        list.AddCircleFilled({20, 20}, 17, IM_COL32(200, 40, 90, 200));
        list.AddText({3, 12}, IM_COL32(0, 0, 0, 255), "lacuna");
        list.AddLine({0, 40}, {40, 3}, IM_COL32(0, 90, 0, 180), 3);
    };
    set_threads(1);
    const Picture one(paint, 2);
    set_threads(4);
    const Picture four(paint, 2);
    set_threads(0);
    EXPECT_EQ(one.pixels(), four.pixels());
    EXPECT_LT(one.count(white), 80 * 80 / 2);
}

TEST(Rasteriser, SurvivesWhatLiesFarOutside) {
    const Picture picture([](ImDrawList& list) {
        list.AddRectFilled({-3e9f, -3e9f}, {3e9f, 3e9f}, IM_COL32(10, 20, 30, 255));
        list.AddTriangleFilled({1e8f, 1e8f}, {2e8f, 1e8f}, {1e8f, 2e8f}, IM_COL32(255, 0, 0, 255));
        list.AddLine({20, -1e7f}, {20, 1e7f}, IM_COL32(255, 0, 0, 0), 1);
    });
    EXPECT_EQ(picture.count(0xff0a141e), 40 * 40);
}

}  // namespace
}  // namespace lacuna::ui
