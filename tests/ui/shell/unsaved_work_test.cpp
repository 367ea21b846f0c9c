#include <QAction>
#include <QDropEvent>
#include <QLabel>
#include <QMimeData>
#include <QPushButton>
#include <QTest>

#include "engine/session/unsaved.h"
#include "tests/ui/shell/window_fixture.h"
#include "ui/shell/actions.h"
#include "ui/shell/question_dialog.h"

namespace lacuna::ui {
namespace {

using testing::HasSubstr;

enum Answer : size_t { save, discard, cancel };

class UnsavedWork : public WindowTest {
  protected:
    UnsavedWork() : other(write_sample(folder / "other.safetensors")), file(folder / "sample.lacuna") {}

    void open_and_work() {
        open_sample();
        Session& session = window->bridge().session();
        session.set_sparsifier({fc1_weight, fc2_weight}, "weight_norm");
        session.step();
        session.set_option({fc1_weight}, "sparsity_level", 0.25);
        wait();
        ASSERT_TRUE(window->isWindowModified());
    }
    QuestionDialog* question() { return window->files().sessions().question(); }
    QString words() {
        QStringList all;
        for (auto* label : question()->findChildren<QLabel*>()) all << label->text();
        return all.join(' ');
    }
    void answer(Answer with) {
        ASSERT_TRUE(question());
        question()->buttons().at(with)->click();
        wait();
    }
    void drop(const QStringList& files) {
        QMimeData mime;
        QList<QUrl> urls;
        for (const QString& path : files) urls << QUrl::fromLocalFile(path);
        mime.setUrls(urls);
        QDragEnterEvent enter({100, 100}, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(window.get(), &enter);
        QDropEvent event({100, 100}, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(window.get(), &event);
        QTest::qWait(50);  // its kind is found on another thread
        wait();
    }
    bool is_open(const std::filesystem::path& path) { return shown().model->checkpoint().path() == path; }
    void expect_asked_before_opening_other() {
        ASSERT_TRUE(question());
        EXPECT_THAT(words().toStdString(), HasSubstr("before opening other.safetensors?"));
        EXPECT_THAT(words().toStdString(),
                    HasSubstr("Not saved yet on sample.safetensors: 1 step and choices for 2 tensors."));
        EXPECT_TRUE(is_open(sample));
        answer(cancel);
        EXPECT_FALSE(question());
        EXPECT_TRUE(is_open(sample));
        EXPECT_EQ(shown().steps, 1) << "nothing is lost";
    }

    std::filesystem::path other, file;
};

TEST_F(UnsavedWork, NothingIsAskedWhereNothingIsLost) {
    open_sample();
    window->files().open_model(text(other));
    wait();
    EXPECT_FALSE(question());
    EXPECT_TRUE(is_open(other));
    window->actions().close->trigger();
    wait();
    EXPECT_FALSE(shown().model);
    window->actions().quit->trigger();
    EXPECT_FALSE(window->isVisible());
}

TEST_F(UnsavedWork, IsAskedForBeforeAnotherModelIsOpened) {
    open_and_work();
    window->files().open_model(text(other));
    expect_asked_before_opening_other();
    window->files().open_model(text(other));
    answer(discard);
    EXPECT_TRUE(is_open(other));
}

TEST_F(UnsavedWork, IsAskedForBeforeARecentModelIsOpened) {
    open_and_work();
    Q_EMIT window->files().recent().chosen(text(other));
    expect_asked_before_opening_other();
}

TEST_F(UnsavedWork, IsAskedForBeforeADroppedModelIsOpenedAndWhatCameWithItWaits) {
    open_and_work();
    const auto recipe = folder.write("r.yaml", "version: 1\ngroups:\n  - {layers: head.weight, sparsifier: random}\n");
    drop({text(other), text(recipe)});
    expect_asked_before_opening_other();
    EXPECT_EQ(state(head_weight).sparsifier, nullptr) << "the recipe was for the other model";
    drop({text(other), text(recipe)});
    answer(discard);
    EXPECT_TRUE(is_open(other));
    EXPECT_NE(state(head_weight).sparsifier, nullptr);
}

TEST_F(UnsavedWork, IsAskedForBeforeTheModelIsClosed) {
    open_and_work();
    window->actions().close->trigger();
    EXPECT_THAT(words().toStdString(), HasSubstr("before closing the model?"));
    answer(cancel);
    EXPECT_TRUE(shown().model);
    window->actions().close->trigger();
    answer(discard);
    EXPECT_FALSE(shown().model);
}

TEST_F(UnsavedWork, IsAskedForBeforeTheWindowGoes) {
    open_and_work();
    for (const bool by_key : {true, false}) {
        if (by_key)
            window->actions().quit->trigger();
        else
            window->close();
        EXPECT_TRUE(window->isVisible());
        EXPECT_THAT(words().toStdString(), HasSubstr("before leaving?"));
        answer(cancel);
        EXPECT_TRUE(window->isVisible());
    }
    window->actions().quit->trigger();
    answer(discard);
    EXPECT_FALSE(window->isVisible());
}

TEST_F(UnsavedWork, IsSavedFirstAndThenTheWindowGoes) {
    open_and_work();
    window->files().sessions().save_to(text(file));
    wait();
    EXPECT_FALSE(window->isWindowModified());
    EXPECT_THAT(window->windowTitle().toStdString(), HasSubstr("sample.lacuna[*] (sample.safetensors)"));
    window->actions().step->trigger();
    wait();
    ASSERT_EQ(shown().steps, 2);
    window->close();
    answer(save);
    EXPECT_TRUE(QTest::qWaitFor([this] { return !window->isVisible(); }, 10'000));

    MainWindow again(false);
    again.files().open_model(text(file));
    ASSERT_TRUE(QTest::qWaitFor([&] { return again.snapshot()->model != nullptr; }, 10'000));
    EXPECT_EQ(again.snapshot()->steps, 2);
    EXPECT_FALSE(again.isWindowModified());
}

TEST_F(UnsavedWork, StaysWhereItCannotBeSaved) {
    open_and_work();
    window->files().sessions().save_to(text(file));
    wait();
    window->actions().step->trigger();
    wait();
    std::filesystem::remove(file);
    std::filesystem::create_directory(file);
    window->close();
    answer(save);
    QTest::qWait(50);
    EXPECT_TRUE(window->isVisible());
    EXPECT_TRUE(window->isWindowModified());
}

TEST_F(UnsavedWork, IsNoneAfterUndoingAllOfIt) {
    open_sample();
    window->bridge().session().set_sparsifier({fc1_weight}, "weight_norm");
    wait();
    window->actions().undo->trigger();
    wait();
    window->close();
    EXPECT_FALSE(window->isVisible());
}

TEST_F(UnsavedWork, ADroppedSessionOpensWithItsSelection) {
    open_and_work();
    window->layers().select_tensor(fc2_weight);
    window->files().sessions().save_to(text(file));
    wait();
    window->files().open_model(text(other));
    wait();
    drop({text(file)});
    EXPECT_TRUE(is_open(sample));
    EXPECT_EQ(shown().steps, 1);
    EXPECT_THAT(window->layers().selected(), testing::ElementsAre(fc2_weight));
}

TEST_F(UnsavedWork, ASessionWhoseModelMovedAsksForIt) {
    open_and_work();
    window->files().sessions().save_to(text(file));
    wait();
    window->files().open_model(text(other));
    wait();
    std::filesystem::rename(sample, folder / "elsewhere.safetensors");
    window->files().open_model(text(file));
    wait();
    ASSERT_TRUE(question());
    EXPECT_THAT(words().toStdString(), HasSubstr("Where is sample.safetensors, which sample.lacuna is a session of?"));
    EXPECT_TRUE(is_open(other)) << "what is open stays";
    const auto missing = shown().missing_model;
    question()->reject();
    window->files().sessions().open_with(*missing, text(folder / "elsewhere.safetensors"));
    wait();
    EXPECT_TRUE(is_open(folder / "elsewhere.safetensors"));
    EXPECT_EQ(shown().steps, 1);
}

}  // namespace
}  // namespace lacuna::ui
