#include <gmock/gmock.h>

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QProgressBar>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTest>
#include <QToolButton>

#include "tests/ui/application.h"
#include "tests/ui/shell/sample_model.h"
#include "ui/shell/empty_state.h"
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
    DatasetPtr some_data() const {
        using namespace testing_support;
        return Dataset::open(write_safetensors(
            folder / "data.safetensors",
            {random_weights("inputs", {2, 8}), tensor_of<int64_t>("labels", DType::I64, {2}, {0, 1})}));
    }

    testing_support::ScratchFolder folder;
    std::shared_ptr<Snapshot> snapshot = snapshot_of(write_sample(folder / "sample.safetensors"));
};

TEST_F(Panels, AccuracyIsSaidAgainstDense) {
    Snapshot& now = *snapshot;
    EXPECT_EQ(accuracy_text(now), "") << "no data, no accuracy";
    now.data = some_data();
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
    auto* button = panel.findChild<QProgressBar*>()->parentWidget()->findChild<QToolButton*>();
    panel.set_snapshot(snapshot);
    EXPECT_FALSE(button->isVisible());
    snapshot->job = JobState{"Exporting out.pt", {"Writing", "B", 10, 100, 5, 18}};
    panel.set_snapshot(snapshot);
    EXPECT_TRUE(button->isVisible());
    QTest::mouseClick(button, Qt::LeftButton);
    EXPECT_EQ(cancelled.size(), 1);
    snapshot->job.reset();
    panel.set_snapshot(snapshot);
    EXPECT_FALSE(button->isVisible());
}

TEST_F(Panels, StatusGivesWayWithinANarrowWindowAndTooltipsHaveTheWhole) {
    StatusPanel panel;
    snapshot->parameters = 45'088'768;
    snapshot->pruned = 22'544'384;
    snapshot->pending = true;
    snapshot->data = some_data();
    snapshot->dense = snapshot->accuracy = right(972);
    snapshot->job = JobState{"Exporting " + std::string(60, 'x') + ".safetensors",
                             {"Writing shard 3 of 12", "B", 1'000'000'000, 20'000'000'000, 5e8, 38}};
    panel.set_snapshot(snapshot);
    panel.resize(1280, 30);
    panel.show();
    QApplication::processEvents();
    EXPECT_LE(panel.minimumSizeHint().width(), 1280);
    for (const QWidget* part : panel.findChildren<QWidget*>()) {
        if (!part->isVisible()) continue;
        const QRect place(part->mapTo(&panel, QPoint(0, 0)), part->size());
        EXPECT_TRUE(panel.rect().contains(place)) << part->metaObject()->className();
        EXPECT_GE(part->width(), part->minimumSizeHint().width()) << part->metaObject()->className();
    }
    const QLabel* kept = panel.findChild<QLabel*>("kept");
    EXPECT_GE(kept->width(), kept->fontMetrics().horizontalAdvance(kept->text())) << "figures come first";
    const QWidget* job = panel.findChild<QProgressBar*>()->parentWidget();
    EXPECT_TRUE(job->toolTip().contains(QString(60, 'x')) && job->toolTip().contains("38 s left"));
}

TEST_F(Panels, StatusSaysWhyThereIsNoAccuracyOrHowToGetIt) {
    StatusPanel panel;
    panel.resize(1000, 30);
    panel.show();
    const auto* accuracy = panel.findChild<QLabel*>("accuracy");
    panel.set_snapshot(snapshot);
    EXPECT_FALSE(accuracy->isVisible()) << "a file without code has no accuracy";
    snapshot->data = some_data();
    snapshot->evaluation_problem = "the model cannot run on inputs of shape [2, 7]";
    snapshot->evaluation_hint = "give inputs of another shape";
    panel.set_snapshot(snapshot);
    EXPECT_TRUE(accuracy->isVisible());
    EXPECT_EQ(accuracy->text(), "not known: the model cannot run on inputs of shape [2, 7]");
    EXPECT_EQ(accuracy->parentWidget()->toolTip(),
              "the model cannot run on inputs of shape [2, 7]\ngive inputs of another shape");
    snapshot->evaluation_problem.clear();
    snapshot->evaluating = true;
    snapshot->evaluation_progress = {"Evaluating", "samples", 90, 360, 0, -1};
    panel.set_snapshot(snapshot);
    EXPECT_EQ(accuracy->text(), "measuring… 25.0\u00a0%");

    auto runnable = std::make_shared<Snapshot>();
    const auto code = std::make_shared<const Model>(open_checkpoint(LACUNA_RESOURCES "/demo/digits_cnn.pt"));
    runnable->model = code;
    runnable->tensors = new_document(code)->tensors;
    panel.set_snapshot(runnable);
    EXPECT_FALSE(accuracy->isVisible());
    QSignalSpy wanted(&panel, &StatusPanel::data_wanted);
    for (auto* button : panel.findChildren<QToolButton*>())
        if (button->isVisible()) QTest::mouseClick(button, Qt::LeftButton);
    EXPECT_EQ(wanted.size(), 1) << "it offers to open data";
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

TEST_F(Panels, ExportDoesNotPutTheMasksOverTheOpenFile) {
    const auto masks = folder / "other.masks.safetensors";
    std::filesystem::copy_file(folder / "sample.safetensors", masks);
    ExportDialog dialog(snapshot_of(masks));
    dialog.path_field()->setText(QString::fromStdString((folder / "other.safetensors").string()));
    EXPECT_TRUE(dialog.export_button()->isEnabled());
    dialog.findChild<QCheckBox*>()->click();
    EXPECT_FALSE(dialog.export_button()->isEnabled());
    dialog.path_field()->setText(QString::fromStdString((folder / "third.safetensors").string()));
    EXPECT_TRUE(dialog.export_button()->isEnabled());
    EXPECT_EQ(dialog.request().masks, folder / "third.masks.safetensors");
}

TEST_F(Panels, TheEmptyWindowOffersWhatWasOpenedBefore) {
    EmptyState empty({});
    empty.resize(600, 600);
    empty.show();
    EXPECT_TRUE(empty.findChildren<QToolButton*>().isEmpty());
    QSignalSpy wanted(&empty, &EmptyState::recent_wanted);
    empty.set_recent({"/models/new.pt", "/models/old.safetensors", "/3", "/4", "/5", "/6"});
    const auto offered = empty.findChildren<QToolButton*>();
    ASSERT_EQ(offered.size(), 5);
    EXPECT_EQ(offered[0]->text(), "new.pt");
    EXPECT_EQ(offered[1]->toolTip(), "/models/old.safetensors");
    QTest::mouseClick(offered[1], Qt::LeftButton);
    ASSERT_EQ(wanted.size(), 1);
    EXPECT_EQ(wanted[0][0].toString(), "/models/old.safetensors");
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
