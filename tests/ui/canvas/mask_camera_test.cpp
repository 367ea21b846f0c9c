#include "ui/canvas/mask_camera.h"

#include <gtest/gtest.h>

#include <random>

namespace lacuna::ui {
namespace {

MaskCamera camera_for(int64_t rows, int64_t columns, double width = 1000, double height = 600, double density = 1) {
    MaskCamera camera;
    camera.set_room({rows, columns}, width, height, density);
    return camera;
}

TEST(MaskCamera, FitsEverythingInTheMiddle) {
    const MaskCamera camera = camera_for(8192, 8192);
    EXPECT_DOUBLE_EQ(camera.scale_x(), 600.0 / 8192);
    EXPECT_DOUBLE_EQ(camera.scale_y(), camera.scale_x());
    EXPECT_NEAR(camera.x_of(0), 200, 1e-9);
    EXPECT_NEAR(camera.x_of(8192), 800, 1e-9);
    EXPECT_NEAR(camera.y_of(0), 0, 1e-9);
    EXPECT_TRUE(camera.fitted());
}

TEST(MaskCamera, StretchesAThreadSoThatItsRowsCanBeSeen) {
    const MaskCamera camera = camera_for(10, 4096);
    EXPECT_DOUBLE_EQ(camera.scale_x(), 1000.0 / 4096);
    EXPECT_GE(camera.scale_y(), 20) << "rows as high as text";
    EXPECT_LE(camera.scale_y() * 10, 600);
    const MaskCamera column = camera_for(30000, 16);
    EXPECT_GE(column.scale_x(), 20);
    EXPECT_DOUBLE_EQ(column.scale_y(), 600.0 / 30000);
}

TEST(MaskCamera, ZoomsAThreadUntilItsCellsAreSquare) {
    MaskCamera camera = camera_for(10, 4096);
    const double row_height = camera.scale_y();
    camera.zoom_at(10, 500, 300);
    EXPECT_DOUBLE_EQ(camera.scale_y(), row_height) << "rows wait for the columns";
    camera.zoom_at(1e9, 500, 300);
    EXPECT_DOUBLE_EQ(camera.scale_x(), camera.scale_y());
    EXPECT_TRUE(camera.closest());
}

TEST(MaskCamera, DoesNotBlowUpASingleWeight) {
    const MaskCamera camera = camera_for(1, 1);
    EXPECT_EQ(camera.scale_x(), 48);
    EXPECT_NEAR(camera.x_of(0.5), 500, 1e-9);
    EXPECT_NEAR(camera.y_of(0.5), 300, 1e-9);
}

TEST(MaskCamera, KeepsTheWeightUnderThePointerWhenZooming) {
    std::mt19937 random(3);
    std::uniform_real_distribution<double> x(210, 790), y(10, 590), factor(0.5, 3);
    MaskCamera camera = camera_for(8192, 8192);
    camera.zoom_at(40, 500, 300);  // deep inside: no edge of the matrix limits the place
    for (int i = 0; i < 200; ++i) {
        const double at_x = x(random), at_y = y(random);
        const double column = camera.column_at(at_x), row = camera.row_at(at_y);
        const double by = factor(random);
        camera.zoom_at(by, at_x, at_y);
        const bool edge =
            camera.left() <= 0 || camera.top() <= 0 || camera.column_at(1000) >= 8191 || camera.row_at(600) >= 8191;
        if (edge) {
            camera.fit();
            camera.zoom_at(40, 500, 300);
            continue;
        }
        EXPECT_NEAR(camera.column_at(at_x), column, 1e-6);
        EXPECT_NEAR(camera.row_at(at_y), row, 1e-6);
    }
}

TEST(MaskCamera, NeverShowsWhatIsBeyondTheMatrix) {
    MaskCamera camera = camera_for(8192, 8192);
    camera.zoom_at(20, 0, 0);
    camera.pan(1e9, 1e9);
    EXPECT_EQ(camera.left(), 0);
    EXPECT_EQ(camera.top(), 0);
    camera.pan(-1e9, -1e9);
    EXPECT_NEAR(camera.column_at(1000), 8192, 1e-6);
    EXPECT_NEAR(camera.row_at(600), 8192, 1e-6);
}

TEST(MaskCamera, OneToOneIsAPhysicalPixelAWeight) {
    MaskCamera camera = camera_for(8192, 8192, 1000, 600, 2);
    ASSERT_TRUE(camera.can_be_one_to_one());
    camera.one_to_one();
    EXPECT_DOUBLE_EQ(camera.scale_x(), 0.5);
    EXPECT_NEAR(camera.column_at(500), 4096, 1e-6) << "the middle stays";
    EXPECT_FALSE(camera_for(64, 64).can_be_one_to_one());
}

TEST(MaskCamera, FollowsARoomThatChanges) {
    MaskCamera camera = camera_for(8192, 8192);
    camera.set_room({8192, 8192}, 500, 300, 1);
    EXPECT_DOUBLE_EQ(camera.scale_x(), 300.0 / 8192) << "what was fitted stays fitted";
    camera.zoom_at(10, 250, 150);
    const double scale = camera.scale_x(), left = camera.left();
    camera.set_room({8192, 8192}, 700, 400, 1);
    EXPECT_NEAR(camera.scale_x(), scale, 1e-12) << "what was zoomed keeps its scale";
    EXPECT_NEAR(camera.left(), left, 1e-9);
    camera.set_room({128, 256}, 700, 400, 1);
    EXPECT_TRUE(camera.fitted()) << "another matrix begins whole";
}

TEST(MaskCamera, PutsAWeightInTheMiddle) {
    MaskCamera camera = camera_for(8192, 8192);
    camera.zoom_at(30, 0, 0);
    camera.centre_on(5000, 3000);
    EXPECT_NEAR(camera.x_of(5000), 500, 1e-6);
    EXPECT_NEAR(camera.y_of(3000), 300, 1e-6);
}

}  // namespace
}  // namespace lacuna::ui
