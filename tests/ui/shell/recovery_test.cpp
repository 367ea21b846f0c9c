#include "ui/shell/recovery.h"

#include <QDir>
#include <QLabel>
#include <QProcess>
#include <QPushButton>
#include <QTest>

#include "tests/ui/shell/window_fixture.h"
#include "ui/shell/notice_bar.h"
#include "ui/shell/question_dialog.h"

namespace lacuna::ui {
namespace {

using testing::HasSubstr;

enum Answer : size_t { restore, discard, not_now };

class Recovering : public WindowTest {
  protected:
    Recovering() : home(text(folder / "home")), copies(home + "/Lacuna/Lacuna/unsaved") {}
    ~Recovering() override {
        if (program.state() == QProcess::NotRunning) return;
        program.kill();
        program.waitForFinished();
    }

    /// A program of its own that has taken three steps, with its copy on the disk.
    void start_program() {
        const auto recipe = folder.write("r.yaml",
                                         "version: 1\nsteps: 3\ngroups:\n  - {layers: '*', sparsifier: weight_norm, "
                                         "sparse_block_shape: [1, 1], sparsity_level: 0.75}\n");
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert("QT_QPA_PLATFORM", "offscreen");
        environment.insert("XDG_DATA_HOME", home);
        environment.insert("XDG_CONFIG_HOME", home);
        program.setProcessEnvironment(environment);
        program.start(QStringLiteral(LACUNA_PROGRAM), {text(sample), "--recipe", text(recipe), "--autosave", "1"});
        ASSERT_TRUE(program.waitForStarted());
        ASSERT_TRUE(QTest::qWaitFor([this] { return left().size() == 1; }, 30'000)) << "no copy was kept";
    }
    void kill_program() {
        program.kill();  // SIGKILL
        ASSERT_TRUE(program.waitForFinished());
        ASSERT_EQ(program.exitStatus(), QProcess::CrashExit);
    }
    QStringList left() const { return QDir(copies).entryList({"*.lacuna"}, QDir::Files); }
    QStringList locks() const { return QDir(copies).entryList({"*.lock"}, QDir::Files); }
    QuestionDialog* question() {
        for (auto* dialog : window->findChildren<QuestionDialog*>())
            if (dialog->isVisible()) return dialog;
        return nullptr;
    }
    void answer(Answer with) {
        ASSERT_TRUE(question());
        question()->buttons().at(with)->click();
        wait();
    }
    Recovery* recover(int seconds = 3600) {
        auto* recovery = new Recovery(window.get(), seconds, copies);
        recovery->offer();
        return recovery;
    }

    QString home, copies;
    QProcess program;
};

TEST_F(Recovering, AKilledProgramsWorkComesBackAndAnOpenOnesIsLeftAlone) {
    start_program();
    delete recover();
    EXPECT_FALSE(question()) << "the program is still there";
    kill_program();
    recover();
    ASSERT_TRUE(question());
    const QString asked = question()->findChild<QLabel*>()->text();
    EXPECT_THAT(asked.toStdString(),
                testing::MatchesRegex("Restore 3 steps and choices for 3 tensors on sample.safetensors from ..:..\\?"));
    answer(restore);
    ASSERT_TRUE(shown().model);
    EXPECT_EQ(shown().steps, 3);
    EXPECT_EQ(shown().pruned, 216) << "three quarters of all weights";
    EXPECT_TRUE(window->isWindowModified());
    EXPECT_EQ(left().size(), 1) << "it is not saved yet";
    window->files().sessions().save_to(text(folder / "saved.lacuna"));
    wait();
    EXPECT_TRUE(QTest::qWaitFor([this] { return left().isEmpty(); }, 10'000));
}

TEST_F(Recovering, NotNowKeepsItAndDiscardDeletesIt) {
    start_program();
    kill_program();
    delete recover();
    EXPECT_TRUE(question());
    answer(not_now);
    EXPECT_EQ(left().size(), 1);
    EXPECT_FALSE(shown().model);
    recover();
    answer(discard);
    EXPECT_TRUE(left().isEmpty());
    EXPECT_EQ(locks().size(), 1) << "this window's own";
    EXPECT_FALSE(question());
}

TEST_F(Recovering, ACopyGoesOnceAllIsSaved) {
    open_sample();
    recover(1);
    window->bridge().session().set_sparsifier({fc1_weight}, "weight_norm");
    ASSERT_TRUE(QTest::qWaitFor([this] { return left().size() == 1; }, 10'000));
    window->bridge().session().undo();
    ASSERT_TRUE(QTest::qWaitFor([this] { return shown().undo_label.empty(); }, 10'000));
    window->files().sessions().save_to(text(folder / "saved.lacuna"));
    wait();
    EXPECT_TRUE(QTest::qWaitFor([this] { return left().isEmpty(); }, 10'000)) << "all is saved";
    EXPECT_FALSE(question());
}

TEST_F(Recovering, ACopyThatCannotBeReadIsPassedBy) {
    QDir().mkpath(copies);
    QFile broken(copies + "/broken.lacuna");
    ASSERT_TRUE(broken.open(QIODevice::WriteOnly));
    broken.write("SQLite format 3");
    broken.close();
    recover();
    EXPECT_FALSE(question());
    EXPECT_EQ(left().size(), 1);
}

TEST_F(Recovering, AFolderThatCannotBeWrittenIsSaid) {
    folder.write("home", "a file");
    recover();
    EXPECT_FALSE(question());
    EXPECT_EQ(window->notices().count(), 1);
}

}  // namespace
}  // namespace lacuna::ui
