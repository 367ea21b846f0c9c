#include "ui/shell/main_window.h"

#include <QAction>
#include <QCheckBox>
#include <QComboBox>
#include <QDialog>
#include <QDoubleSpinBox>
#include <QDropEvent>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMimeData>
#include <QPushButton>
#include <QSignalSpy>
#include <QSlider>
#include <QTest>
#include <QThreadPool>
#include <QTreeView>
#include <map>

#include "tests/ui/shell/window_fixture.h"
#include "ui/canvas/distribution_canvas.h"
#include "ui/canvas/mask_canvas.h"
#include "ui/shell/empty_state.h"
#include "ui/shell/export_dialog.h"
#include "ui/shell/notice_bar.h"
#include "ui/shell/option_editor.h"
#include "ui/shell/patterns_panel.h"
#include "ui/shell/sparsifier_panel.h"
#include "ui/shell/window_parts.h"

namespace lacuna::ui {
namespace {

using testing::HasSubstr;

class Window : public WindowTest {
  protected:
    void choose(const char* name) {
        auto* box = window->sparsifier().sparsifier_field();
        box->setCurrentIndex(box->findData(QString(name)));
        Q_EMIT box->activated(box->currentIndex());
        wait();
    }
    QString figure(const char* name) { return window->findChild<QLabel*>(name)->text(); }
    QString notice_text() {
        QStringList all;
        for (auto* label : window->notices().findChildren<QLabel*>()) all << label->text();
        return all.join(' ');
    }
    QSlider* level_slider() { return window->sparsifier().editor("sparsity_level")->findChild<QSlider*>(); }
    void drop(const std::filesystem::path& file) {
        QMimeData mime;
        mime.setUrls({QUrl::fromLocalFile(text(file))});
        QDragEnterEvent enter({100, 100}, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(window.get(), &enter);
        EXPECT_TRUE(enter.isAccepted());
        QDropEvent event({100, 100}, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
        QApplication::sendEvent(window.get(), &event);
        QThreadPool::globalInstance()->waitForDone();  // its kind is found there
        wait();
    }
};

TEST_F(Window, BeginsWithWhatToDo) {
    auto* empty = window->findChild<EmptyState*>();
    ASSERT_NE(empty, nullptr);
    EXPECT_TRUE(empty->isVisible());
    EXPECT_FALSE(window->actions().export_model->isEnabled());
    EXPECT_FALSE(window->actions().undo->isEnabled());
}

TEST_F(Window, OpensAModelWithEveryWeightMatrixSelectedAndLooksAtTheLargest) {
    open_sample();
    EXPECT_FALSE(window->findChild<EmptyState*>()->isVisible());
    EXPECT_THAT(window->windowTitle().toStdString(), HasSubstr("sample.safetensors"));
    EXPECT_THAT(window->layers().selected(), testing::ElementsAre(fc1_weight, fc2_weight, head_weight));
    EXPECT_EQ(figure("kept"), "314 of 314");
    const auto detail = window->bridge().session().detail();
    ASSERT_TRUE(detail);
    EXPECT_EQ(detail->tensor, fc1_weight);
}

TEST_F(Window, APrunedModelShowsItsZeros) {
    using namespace testing_support;
    TestTensor half = random_weights("fc.weight", {8, 8}, 1);
    std::fill_n(half.bytes.begin(), half.bytes.size() / 2, '\0');
    window->files().open_model(text(write_safetensors(folder / "pruned.safetensors", {half})));
    wait();
    EXPECT_EQ(figure("sparsity"), "50.0\u00a0%");
    EXPECT_EQ(figure("kept"), "32 of 64");
    choose("n_m");
    EXPECT_EQ(figure("kept"), "16 of 64") << "two of four in each row that is not zero";
    EXPECT_EQ(shown().all_zeros.own, 32);
    auto* patterns = window->findChild<PatternsPanel*>();
    EXPECT_FALSE(shown().patterns) << "counted only while they are looked at";
    show_part(*window, "patterns");
    wait();
    wait();
    QStringList words;
    for (auto* label : patterns->findChildren<QLabel*>()) words << label->text();
    const std::string said = words.join('|').toStdString();
    EXPECT_THAT(said, HasSubstr("Zero rows|4 of 8|50.0\u00a0%"));
    EXPECT_THAT(said, HasSubstr("2:4 groups|16 of 16|100.0\u00a0%"));
    EXPECT_THAT(said, HasSubstr("4:8 groups|8 of 8|100.0\u00a0%"));
}

TEST_F(Window, AFailedOpenIsANoticeAndNotABox) {
    window->files().open_model(text(folder.write("broken.safetensors", "this is no model")));
    wait();
    EXPECT_EQ(window->notices().count(), 1);
    EXPECT_THAT(notice_text().toStdString(), HasSubstr("broken.safetensors"));
    EXPECT_EQ(QApplication::activeModalWidget(), nullptr);
    open_sample();
    EXPECT_TRUE(shown().model) << "the window goes on";
    EXPECT_EQ(window->notices().count(), 0) << "what was wrong before is no matter any more";
    window->files().open_data(text(folder.write("broken.npz", "this is no data")));
    wait();
    EXPECT_EQ(window->notices().count(), 1);
    window->notices().dismiss_all();
    EXPECT_EQ(window->notices().count(), 0);
}

TEST_F(Window, AThemeChosenAgainChangesNoTextSize) {
    open_sample();
    const auto sizes = [&] {
        std::map<QWidget*, int> found;
        for (auto* widget : window->findChildren<QWidget*>()) found[widget] = QFontInfo(widget->font()).pixelSize();
        return found;
    };
    const auto before = sizes();
    for (const ThemeChoice choice : {ThemeChoice::light, ThemeChoice::dark, ThemeChoice::system}) {
        window->choose_theme(choice);
        QApplication::processEvents();
        for (const auto& [widget, size] : sizes()) {
            const auto known = before.find(widget);
            if (known == before.end()) continue;
            EXPECT_EQ(size, known->second)
                << widget->metaObject()->className() << ' ' << widget->objectName().toStdString();
        }
    }
}

TEST_F(Window, TheExportDialogsTabReachesBrowse) {
    open_sample();
    ExportDialog dialog(window->snapshot());
    dialog.show();
    QApplication::processEvents();
    auto* path = dialog.findChild<QLineEdit*>();
    path->setFocus();
    QTest::keyClick(&dialog, Qt::Key_Tab);
    const auto* reached = qobject_cast<QPushButton*>(dialog.focusWidget());
    ASSERT_NE(reached, nullptr);
    EXPECT_EQ(reached->text(), "Browse…");
}

TEST_F(Window, ChoosingASparsifierPreviewsTheMaskAndStepTakesIt) {
    open_sample();
    window->layers().select_tensor(fc1_weight);
    choose("weight_norm");
    EXPECT_TRUE(state(fc1_weight).pending());
    EXPECT_TRUE(window->actions().step->isEnabled());
    EXPECT_THAT(figure("steps").toStdString(), HasSubstr("not stepped"));
    window->actions().step->trigger();
    wait();
    EXPECT_FALSE(state(fc1_weight).pending());
    EXPECT_EQ(shown().steps, 1);
    EXPECT_EQ(state(fc1_weight).kept, 64);
    EXPECT_EQ(figure("kept"), "250 of 314");

    window->actions().undo->trigger();
    wait();
    EXPECT_EQ(shown().steps, 0);
    EXPECT_EQ(state(fc1_weight).stepped, nullptr);
    EXPECT_THAT(window->actions().redo->text().toStdString(), HasSubstr("Redo: "));
    window->actions().redo->trigger();
    wait();
    EXPECT_EQ(shown().steps, 1);
    EXPECT_EQ(state(fc1_weight).kept, 64);
}

TEST_F(Window, DraggingTheSliderChangesTheMasksPixels) {
    open_sample();
    choose("weight_norm");
    auto* slider = level_slider();
    slider->setSliderDown(true);
    slider->setSliderPosition(100);
    wait();
    const QImage few = window->mask_canvas().render({400, 400}, 1);
    const int64_t kept_before = state(fc1_weight).kept;
    slider->setSliderPosition(900);
    wait();
    const QImage many = window->mask_canvas().render({400, 400}, 1);
    EXPECT_LT(state(fc1_weight).kept, kept_before);
    EXPECT_NE(few, many);
    EXPECT_EQ(slider->sliderPosition(), 900) << "the form does not fight the hand";
    slider->setSliderDown(false);
    wait();
    window->actions().undo->trigger();  // the whole drag is one entry
    wait();
    EXPECT_EQ(state(fc1_weight).kept, 64);
}

TEST_F(Window, TheDistributionsLineMovesTheFormsLevel) {
    open_sample();
    choose("weight_norm");
    Q_EMIT window->distribution_canvas().levelDragged(0.25, false);
    wait();
    EXPECT_DOUBLE_EQ(window->sparsifier().editor("sparsity_level")->findChild<QDoubleSpinBox*>()->value(), 0.25);
    EXPECT_EQ(state(fc1_weight).kept, 96);
    EXPECT_EQ(state(fc2_weight).kept, 96) << "it moves all that is selected";
    window->layers().select_tensor(fc1_weight);
    wait();
    Q_EMIT window->distribution_canvas().levelDragged(0.5, false);
    wait();
    EXPECT_EQ(state(fc1_weight).kept, 64);
    EXPECT_EQ(state(fc2_weight).kept, 96);
}

TEST_F(Window, SelectAllPrunesEveryWeightMatrix) {
    open_sample();
    window->layers().select_tensor(fc1_weight);
    EXPECT_THAT(window->layers().selected(), testing::ElementsAre(fc1_weight));
    window->actions().select_all->trigger();
    EXPECT_THAT(window->layers().selected(), testing::ElementsAre(fc1_weight, fc2_weight, head_weight));
    choose("weight_norm");
    EXPECT_EQ(shown().pruned, (128 + 128 + 32) / 2);
    window->actions().freeze->trigger();
    wait();
    EXPECT_TRUE(state(head_weight).frozen);
    window->actions().unfreeze->trigger();
    window->actions().clear->trigger();
    wait();
    EXPECT_FALSE(state(head_weight).frozen);
}

TEST_F(Window, NamesHaveRoomInADeepModel) {
    using namespace testing_support;
    const auto deep = write_safetensors(folder / "deep.safetensors",
                                        {random_weights("features.18.conv.0.expansion.weight", {1280, 320, 1, 1}, 1),
                                         random_weights("features.18.conv.0.expansion.bias", {1280}, 2)});
    window->files().open_model(text(deep));
    wait();
    choose("weight_norm");
    EXPECT_GE(window->layers().view()->columnWidth(LayerTreeModel::Name), 120);
    window->layers().resize(760, 600);  // as when the dock is made wider
    EXPECT_GE(window->layers().view()->columnWidth(LayerTreeModel::Name), 150);
    const int sparsifier = window->layers().view()->columnWidth(LayerTreeModel::SparsifierColumn);
    EXPECT_GE(sparsifier, window->fontMetrics().horizontalAdvance("Weight norm")) << "and the others have theirs again";
}

TEST_F(Window, At1280NoColumnIsCutAndThePictureHasTheLargestPart) {
    open_sample();
    choose("weight_norm");
    const QTreeView* view = window->layers().view();
    for (int column = 0; column < LayerTreeModel::ColumnCount; ++column) {
        const QString title = view->model()->headerData(column, Qt::Horizontal).toString();
        EXPECT_GE(view->columnWidth(column), view->header()->sectionSizeHint(column)) << title.toStdString();
        EXPECT_GE(view->columnWidth(column), static_cast<const QAbstractItemView*>(view)->sizeHintForColumn(column))
            << title.toStdString();
        const bool explained = !view->model()->headerData(column, Qt::Horizontal, Qt::ToolTipRole).toString().isEmpty();
        EXPECT_EQ(explained, column != LayerTreeModel::Name) << title.toStdString();
    }
    EXPECT_LE(window->layers().width(), 1280 * 2 / 5);
    EXPECT_GE(window->mask_canvas().width(), 470);
}

TEST_F(Window, ASmallOneKeepsNamesAndTheForm) {
    open_sample();
    choose("weight_norm");
    window->resize(1000, 700);
    QApplication::processEvents();
    EXPECT_GE(window->layers().view()->columnWidth(LayerTreeModel::Name), 80);
    EXPECT_TRUE(window->layers().view()->isColumnHidden(LayerTreeModel::Type));
    EXPECT_GE(window->findChild<QWidget*>("sparsifier")->width(), 240);
    window->resize(1600, 900);
    QApplication::processEvents();
    window->layers().resize(600, 700);
    EXPECT_FALSE(window->layers().view()->isColumnHidden(LayerTreeModel::Type)) << "it comes back";
}

TEST_F(Window, EscapeStopsTheRunningJob) {
    EXPECT_FALSE(window->actions().stop->isEnabled());
    auto busy = std::make_shared<Snapshot>(shown());
    busy->job = JobState{"Opening", {}};
    window->actions().update(*busy, false);
    EXPECT_TRUE(window->actions().stop->isEnabled());
    EXPECT_EQ(window->actions().stop->shortcut(), QKeySequence(Qt::Key_Escape));
}

TEST_F(Window, TheShortcutsDialogListsMenusAndCanvases) {
    open_sample();
    window->actions().shortcuts->trigger();
    QString all;
    for (const auto* dialog : window->findChildren<QDialog*>())
        for (const auto* label : dialog->findChildren<QLabel*>()) all += label->text() + '\n';
    for (const char* part : {"Ctrl+E", "Esc", "One pixel a weight", "Page Up, Page Down", "logarithmic", "Shift+F7"})
        EXPECT_TRUE(all.contains(part)) << part;
    for (const auto* dialog : window->findChildren<QDialog*>()) EXPECT_LE(dialog->sizeHint().height(), 720);
}

TEST_F(Window, FilterLineNarrowsTheTree) {
    open_sample();
    window->actions().filter->trigger();
    auto* line = window->layers().filter();
    QTreeView* view = window->layers().view();
    const int width = view->columnWidth(LayerTreeModel::Parameters);
    QTest::keyClicks(line, "head");
    EXPECT_EQ(view->model()->rowCount(), 1);
    EXPECT_EQ(view->columnWidth(LayerTreeModel::Parameters), width) << "columns stay as they were";
    QTest::keyClick(line, Qt::Key_A, Qt::ControlModifier);
    QTest::keyClick(line, Qt::Key_Delete);
    EXPECT_EQ(view->model()->rowCount(), 3);
    EXPECT_EQ(view->header()->sectionResizeMode(LayerTreeModel::Name), QHeaderView::Stretch);
}

TEST_F(Window, OpensWhatIsDroppedAsWhatItIs) {
    drop(sample);
    ASSERT_TRUE(shown().model);
    drop(folder.write("half.yaml", "version: 1\ngroups:\n  - layers: \"*\"\n    sparsifier: weight_norm\n"));
    EXPECT_EQ(shown().pruned, (128 + 128 + 32) / 2) << notice_text().toStdString();
    using namespace testing_support;
    drop(write_safetensors(folder / "data.safetensors", {random_weights("inputs", {3, 8}),
                                                         tensor_of<int64_t>("labels", DType::I64, {3}, {0, 1, 2})}));
    ASSERT_TRUE(shown().data) << notice_text().toStdString();
    EXPECT_EQ(shown().data->samples(), 3);
}

TEST_F(Window, ADroppedSparsifierStateIsLoadedAndNotOpenedAsAModel) {
    const std::filesystem::path state_file = LACUNA_TEST_DATA "/session/fixtures/python_state.pt";
    drop(state_file);
    EXPECT_FALSE(shown().model);
    EXPECT_THAT(notice_text().toStdString(), HasSubstr("open a model first"));
    open_sample();
    drop(state_file);
    EXPECT_EQ(shown().model->checkpoint().path(), sample);
    EXPECT_EQ(shown().steps, 3) << notice_text().toStdString();
    EXPECT_EQ(state(fc1_weight).stepped->pruned(), 76);
}

TEST_F(Window, ExportWritesThePrunedFileAndProvesIt) {
    open_sample();
    window->layers().select_tensor(fc1_weight);
    choose("weight_norm");
    window->actions().export_model->trigger();
    ExportDialog* dialog = window->files().export_dialog();
    ASSERT_NE(dialog, nullptr);
    dialog->path_field()->setText(text(sample));
    EXPECT_FALSE(dialog->export_button()->isEnabled()) << "not over the open file";
    dialog->path_field()->setText(text(folder / "nowhere" / "out.safetensors"));
    EXPECT_FALSE(dialog->export_button()->isEnabled());
    dialog->path_field()->setText(text(folder / "out.safetensors"));
    EXPECT_TRUE(dialog->export_button()->isEnabled());
    QTest::mouseClick(dialog->export_button(), Qt::LeftButton);
    wait();
    wait();
    ASSERT_TRUE(std::filesystem::exists(folder / "out.safetensors")) << notice_text().toStdString();
    const CheckpointPtr written = open_checkpoint(folder / "out.safetensors");
    EXPECT_EQ(Mask::from_tensor(written->view(fc1_weight)).pruned(), 64);
    EXPECT_THAT(notice_text().toStdString(), HasSubstr("64 zeros"));
}

TEST_F(Window, AModelInShardsIsExportedIntoAFolderOfItsOwn) {
    using namespace testing_support;
    write_safetensors(folder / "1.safetensors", {random_weights("a.weight", {8, 8}, 1)});
    write_safetensors(folder / "2.safetensors", {random_weights("b.weight", {8, 8}, 2)});
    const auto index = folder.write("big.safetensors.index.json",
                                    R"({"weight_map": {"a.weight": "1.safetensors", "b.weight": "2.safetensors"}})");
    window->files().open_model(text(index));
    wait();
    choose("weight_norm");
    window->actions().export_model->trigger();
    ExportDialog* dialog = window->files().export_dialog();
    ASSERT_NE(dialog, nullptr);
    EXPECT_EQ(dialog->path_field()->text(), text(folder / "big-pruned/"));
    for (const auto& there :
         {folder.path(), folder / "copy.safetensors.index.json", index, folder / "1.safetensors" / ""}) {
        dialog->path_field()->setText(text(there));
        EXPECT_FALSE(dialog->export_button()->isEnabled()) << there << " would replace the open shards";
    }
    dialog->format_field()->setCurrentIndex(dialog->format_field()->findData(int(Format::safetensors)));
    dialog->path_field()->setText(text(folder / "one.safetensors"));
    EXPECT_TRUE(dialog->export_button()->isEnabled());
    dialog->format_field()->setCurrentIndex(0);
    dialog->path_field()->setText(text(folder / "llama-3.1-pruned"));
    dialog->findChild<QCheckBox*>()->click();
    QTest::mouseClick(dialog->export_button(), Qt::LeftButton);
    wait();
    wait();
    EXPECT_THAT(notice_text().toStdString(), HasSubstr("Exported llama-3.1-pruned"));
    const CheckpointPtr written = open_checkpoint(folder / "llama-3.1-pruned" / "big.safetensors.index.json");
    EXPECT_EQ(Mask::from_tensor(written->view(1)).pruned(), 32);
    EXPECT_EQ(read_masks(folder / "llama-3.1-pruned.masks.safetensors").size(), 2u);
}

TEST_F(Window, CloseGoesBackToTheBeginning) {
    open_sample();
    window->actions().close->trigger();
    wait();
    EXPECT_TRUE(window->findChild<EmptyState*>()->isVisible());
    EXPECT_EQ(window->windowTitle(), "Lacuna");
    EXPECT_TRUE(window->layers().selected().empty());
}

TEST_F(Window, BothThemesDrawTextThatStandsOut) {
    open_sample();
    window->choose_theme(ThemeChoice::light);
    const QImage light = window->grab().toImage();
    window->choose_theme(ThemeChoice::dark);
    const QImage dark = window->grab().toImage();
    EXPECT_GT(light.pixelColor(5, 5).lightness(), 200);
    EXPECT_LT(dark.pixelColor(5, 5).lightness(), 60);
}

TEST_F(Window, TabGoesFromLeftToRight) {
    open_sample();
    choose("weight_norm");
    std::vector<const QWidget*> stops;
    window->layers().view()->setFocus();
    for (int i = 0; i < 60 && (stops.empty() || QApplication::focusWidget() != stops.front()); ++i) {
        stops.push_back(QApplication::focusWidget());
        ASSERT_NE(stops.back(), nullptr);
        QTest::keyClick(window.get()->focusWidget(), Qt::Key_Tab);
    }
    const auto place = [&](const QWidget* widget) {
        return std::find_if(stops.begin(), stops.end(),
                            [&](const QWidget* stop) { return stop == widget || widget->isAncestorOf(stop); }) -
               stops.begin();
    };
    const auto none = std::ptrdiff_t(stops.size());
    const std::ptrdiff_t mask = place(&window->mask_canvas()), bars = place(&window->distribution_canvas()),
                         form = place(&window->sparsifier()), filter = place(window->layers().filter());
    EXPECT_LT(0, mask);
    EXPECT_LT(mask, bars);
    EXPECT_LT(bars, form);
    EXPECT_LT(form, none) << "the form is reached";
    EXPECT_LT(filter, none) << "and the filter, after a whole round";
}

TEST_F(Window, EverythingThatTakesTheKeyboardHasAName) {
    open_sample();
    choose("weight_norm");
    for (QWidget* widget : window->findChildren<QWidget*>()) {
        if (!widget->isVisible() || !(widget->focusPolicy() & Qt::TabFocus)) continue;
        const auto* button = qobject_cast<QAbstractButton*>(widget);
        const bool part_of_field = widget->objectName().startsWith("qt_");
        EXPECT_TRUE(part_of_field || !widget->accessibleName().isEmpty() || (button && !button->text().isEmpty()))
            << widget->metaObject()->className() << ' ' << widget->objectName().toStdString();
    }
}

}  // namespace
}  // namespace lacuna::ui
