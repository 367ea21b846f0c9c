#include <gmock/gmock.h>

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QSettings>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>

#include "tests/ui/application.h"
#include "tests/ui/shell/sample_model.h"
#include "ui/shell/export_dialog.h"
#include "ui/shell/notice_bar.h"
#include "ui/shell/recent_files.h"
#include "ui/shell/status_panel.h"

namespace lacuna::ui {
namespace {

class Panels : public testing::Test {
  protected:
    Panels() { test_application(); }
    static Evaluation right(int64_t correct) { return {0.1, double(correct) / 1000, 1000, correct, 1}; }

    testing_support::ScratchFolder folder;
    std::shared_ptr<Snapshot> snapshot = snapshot_of(write_sample(folder / "sample.safetensors"));
};

TEST_F(Panels, AccuracyIsSaidAgainstDense) {
    Snapshot& now = *snapshot;
    EXPECT_EQ(accuracy_text(now), "") << "no data, no accuracy";
    using namespace testing_support;
    now.data = Dataset::open(
        write_safetensors(folder / "data.safetensors",
                          {random_weights("inputs", {2, 8}), tensor_of<int64_t>("labels", DType::I64, {2}, {0, 1})}));
    now.evaluating = true;
    EXPECT_EQ(accuracy_text(now), "measuring…");
    now.accuracy = right(972);
    EXPECT_EQ(accuracy_text(now), "97.2\u00a0%");
    now.dense = right(986);
    EXPECT_EQ(accuracy_text(now), "97.2\u00a0% (dense 98.6\u00a0%, −1.4)");
    now.accuracy = right(986);
    EXPECT_EQ(accuracy_text(now), "98.6\u00a0% (dense 98.6\u00a0%, ±0.0)");
}

TEST_F(Panels, StatusShowsTheJobAndItsCancelButton) {
    StatusPanel panel;
    panel.resize(1000, 30);
    panel.show();
    QSignalSpy cancelled(&panel, &StatusPanel::cancel_wanted);
    auto* button = panel.findChild<QToolButton*>();
    panel.set_snapshot(snapshot);
    EXPECT_FALSE(button->isVisible());
    snapshot->job = JobState{"Exporting out.pt", {"Writing", "B", 10, 100, 5, 18}, true};
    panel.set_snapshot(snapshot);
    EXPECT_TRUE(button->isVisible());
    QTest::mouseClick(button, Qt::LeftButton);
    EXPECT_EQ(cancelled.size(), 1);
    snapshot->job->cancellable = false;
    panel.set_snapshot(snapshot);
    EXPECT_FALSE(button->isVisible());
}

TEST_F(Panels, EachNoticeIsShownOnceAndThreeAtMost) {
    NoticeBar bar;
    const auto publish = [&](uint64_t number) {
        snapshot->notices.push_back({Notice::Kind::warning, "notice " + std::to_string(number), "", number});
        bar.set_snapshot(snapshot);
    };
    publish(1);
    bar.set_snapshot(snapshot);
    EXPECT_EQ(bar.count(), 1);
    bar.dismiss_all();
    bar.set_snapshot(snapshot);
    EXPECT_EQ(bar.count(), 0) << "what was dismissed does not come back";
    for (uint64_t number : {2, 3, 4, 5}) publish(number);
    EXPECT_EQ(bar.count(), 3);
    EXPECT_EQ(bar.findChildren<QFrame*>("notice").size(), 3);
}

TEST_F(Panels, ExportFollowsTheFormatWithTheEnding) {
    ExportDialog dialog(snapshot);
    EXPECT_TRUE(dialog.path_field()->text().endsWith("/sample-pruned.safetensors"));
    auto* format = dialog.format_field();
    format->setCurrentIndex(format->findData(int(Format::torch_zip)));
    EXPECT_TRUE(dialog.path_field()->text().endsWith("/sample-pruned.pt"));
    EXPECT_EQ(dialog.request().format, Format::torch_zip);
    EXPECT_EQ(format->findData(int(Format::torchscript)), -1) << "there is no code to write";
    EXPECT_FALSE(dialog.request().masks);
}

TEST_F(Panels, RecentFilesKeepTheNewestFirstWithoutDoubles) {
    QCoreApplication::setOrganizationName("LacunaTest");
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, QString::fromStdString(folder.path().string()));
    RecentFiles recent;
    recent.clear();
    for (const char* path : {"/a.pt", "/b.pt", "/a.pt"}) recent.add(path);
    EXPECT_EQ(recent.paths(), (QStringList{"/a.pt", "/b.pt"}));
    QMenu menu;
    recent.attach(&menu);
    QSignalSpy chosen(&recent, &RecentFiles::chosen);
    Q_EMIT menu.aboutToShow();
    menu.actions().first()->trigger();
    ASSERT_EQ(chosen.size(), 1);
    EXPECT_EQ(chosen[0][0].toString(), "/a.pt");
    recent.clear();
}

}  // namespace
}  // namespace lacuna::ui
