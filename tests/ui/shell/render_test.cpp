#include <gmock/gmock.h>

#include <QImage>
#include <QProcess>
#include <map>
#include <set>

#include "tests/ui/shell/sample_model.h"

namespace lacuna::ui {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Outcome {
    int status = -1;
    std::string out, err;
};

/// Runs the program without a display, as a script would.
Outcome lacuna(const QStringList& arguments) {
    QProcess process;
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}) environment.remove(name);
    process.setProcessEnvironment(environment);
    process.start(LACUNA_PROGRAM, arguments);
    if (!process.waitForFinished(60'000)) return {};
    return {process.exitCode(), process.readAllStandardOutput().toStdString(),
            process.readAllStandardError().toStdString()};
}

QString text(const std::filesystem::path& path) {
    return QString::fromStdString(path.string());
}

size_t colours(const QImage& image) {
    std::set<QRgb> found;
    for (int y = 0; y < image.height(); y += 2)
        for (int x = 0; x < image.width(); x += 2) found.insert(image.pixel(x, y));
    return found.size();
}

class Render : public testing::Test {
  protected:
    testing_support::ScratchFolder folder;
    std::filesystem::path sample = write_sample(folder / "sample.safetensors");
    QString png = text(folder / "out.png");
};

TEST_F(Render, DrawsTheWindowWithoutADisplay) {
    const Outcome run = lacuna({text(sample), "--render", png});
    ASSERT_EQ(run.status, 0) << run.err;
    EXPECT_EQ(run.err, "");
    const QImage image(png);
    EXPECT_EQ(image.size(), QSize(1280, 800));
    EXPECT_GT(colours(image), 100u);
}

TEST_F(Render, SizeScaleThemeRecipeAndFocusShow) {
    const auto recipe = folder.write("r.yaml", "groups:\n  - layers: \"*\"\n    sparsifier: weight_norm\nversion: 1\n");
    ASSERT_EQ(lacuna({text(sample), "--render", png, "--size", "1000x700", "--scale", "2", "--theme", "dark"}).status,
              0);
    const QImage dense(png);
    EXPECT_EQ(dense.size(), QSize(2000, 1400));
    EXPECT_LT(dense.pixelColor(5, 5).lightness(), 60);
    ASSERT_EQ(lacuna({text(sample), "--recipe", text(recipe), "--focus", "head.weight", "--render", png, "--size",
                      "1000x700", "--scale", "2", "--theme", "dark"})
                  .status,
              0);
    EXPECT_NE(QImage(png), dense);
}

TEST_F(Render, EveryPanelAndDialogCanBeShown) {
    const auto recipe = folder.write("r.yaml",
                                     "version: 1\ngroups:\n  - {layers: \"*\", sparsifier: weight_norm}\n"
                                     "steps: 3\nschedule: {scheduler: lambda, factor: (epoch + 1) / 3}\n");
    std::map<QString, QImage> pictures;
    for (const char* part : {"sparsifier", "schedule", "patterns", "export", "convert", "shortcuts", "about"}) {
        const Outcome run = lacuna({text(sample), "--recipe", text(recipe), "--show", part, "--render", png});
        ASSERT_EQ(run.status, 0) << part << ": " << run.err;
        pictures[part] = QImage(png);
        for (const auto& [other, picture] : pictures)
            EXPECT_EQ(picture == pictures[part], other == part) << part << " and " << other.toStdString();
    }
    EXPECT_EQ(lacuna({text(sample), "--show", "nothing", "--render", png}).status, 2);
    EXPECT_EQ(lacuna({text(sample), "--show", "schedule"}).status, 2);
}

TEST_F(Render, FailuresAreOneLineAndStatusOne) {
    const auto broken = folder.write("broken.safetensors", "no");
    Outcome run = lacuna({text(broken), "--render", png});
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.err, StartsWith("error: "));
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    EXPECT_FALSE(std::filesystem::exists(folder / "out.png"));
    EXPECT_EQ(lacuna({text(sample), "--render", text(folder / "no" / "out.png")}).status, 1);
    EXPECT_EQ(lacuna({text(sample), "--render", png, "--focus", "no.such.tensor"}).status, 1);
    run = lacuna({text(sample), "--render", png, "--recipe", text(folder.write("bad.yaml", "version: 9\n"))});
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.err, HasSubstr("bad.yaml"));
}

TEST_F(Render, WrongUsageIsStatusTwo) {
    EXPECT_EQ(lacuna({"--no-such-option"}).status, 2);
    EXPECT_EQ(lacuna({text(sample), "--size", "100x100", "--render", png}).status, 2);
    EXPECT_EQ(lacuna({"--data", "x.safetensors"}).status, 2);
}

TEST_F(Render, HelpAndVersionNeedNoDisplayEither) {
    EXPECT_THAT(lacuna({"--help"}).out, HasSubstr("--render"));
    EXPECT_THAT(lacuna({"--version"}).out, StartsWith("lacuna "));
    const Outcome run = lacuna({text(sample)});
    EXPECT_EQ(run.status, 1);
    EXPECT_THAT(run.err, StartsWith("error: there is no display"));
}

}  // namespace
}  // namespace lacuna::ui
