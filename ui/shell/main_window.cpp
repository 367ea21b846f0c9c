#include "ui/shell/main_window.h"

#include <QAction>
#include <QCloseEvent>
#include <QDockWidget>
#include <QLabel>
#include <QMenu>
#include <QMimeData>
#include <QSettings>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTabBar>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "engine/sparsifiers/sparsity_level.h"
#include "ui/canvas/distribution_canvas.h"
#include "ui/canvas/mask_canvas.h"
#include "ui/shell/demo.h"
#include "ui/shell/empty_state.h"
#include "ui/shell/file_commands.h"
#include "ui/shell/help_dialogs.h"
#include "ui/shell/icons.h"
#include "ui/shell/layers_panel.h"
#include "ui/shell/notice_bar.h"
#include "ui/shell/patterns_panel.h"
#include "ui/shell/schedule_panel.h"
#include "ui/shell/selection_values.h"
#include "ui/shell/sparsifier_panel.h"
#include "ui/shell/status_panel.h"
#include "ui/shell/text_format.h"

namespace lacuna::ui {
namespace {

constexpr int least_form = 280;  ///< pixels that the form and the tabs beside it need

constexpr QSize first_size{1280, 800};
constexpr double zoom_step = 1.5;
const char* const geometry_key = "window/geometry";
const char* const state_key = "window/state";
const char* const theme_key = "window/theme";

QDockWidget* make_dock(const QString& title, const char* name, QWidget* inside, QMainWindow* window) {
    auto* dock = new QDockWidget(title, window);
    dock->setObjectName(QLatin1String(name));
    dock->setWidget(inside);
    return dock;
}

/// A heading, or nothing where a tab is the heading. Dragging it moves the dock; View → Panels hides and shows it.
void set_heading(QDockWidget* dock, bool shown) {
    const auto* now = qobject_cast<QLabel*>(dock->titleBarWidget());
    if (dock->titleBarWidget() && (now != nullptr) == shown) return;
    delete dock->titleBarWidget();
    QWidget* heading = shown ? new QLabel(dock->windowTitle(), dock) : new QWidget(dock);
    heading->setProperty("role", "dock");
    dock->setTitleBarWidget(heading);
    heading->setVisible(true);
}

}  // namespace

MainWindow::MainWindow(bool remember)
    : remember_(remember),
      snapshot_(std::make_shared<const Snapshot>()),
      bridge_(new SessionBridge(this)),
      actions_(new Actions(this)),
      files_(new FileCommands(bridge_->session(), this, remember)),
      centre_(new QStackedWidget(this)),
      empty_(new EmptyState(demo_model(), this)),
      notices_(new NoticeBar(this)),
      layers_(new LayersPanel(this)),
      mask_(new MaskCanvas(this)),
      distribution_(new DistributionCanvas(this)),
      sparsifier_(new SparsifierPanel(this)),
      schedule_(new SchedulePanel(this)),
      patterns_(new PatternsPanel(this)),
      status_(new StatusPanel(this)) {
    setWindowIcon(app_icon());
    setAcceptDrops(true);
    resize(first_size);
    build_centre();
    build_docks();
    statusBar()->setSizeGripEnabled(false);
    statusBar()->addWidget(status_, 1);
    files_->recent().attach(actions_->recent);
    files_->sessions().set_selection([this] { return layers_->selected(); });
    connect_panels();
    connect_actions();
    show_snapshot(snapshot_);
    restore_state();
}

MainWindow::~MainWindow() = default;

void MainWindow::build_centre() {
    connect(empty_, &EmptyState::open_wanted, files_, &FileCommands::ask_model);
    connect(empty_, &EmptyState::recent_wanted, files_, &FileCommands::open_model);
    connect(empty_, &EmptyState::demo_wanted, this, [this] {
        files_->open_model(demo_model());
        if (const QString samples = demo_data(); !samples.isEmpty()) files_->open_data(samples);
    });
    centre_->addWidget(empty_);
    centre_->addWidget(mask_);
    auto* whole = new QWidget(this);
    auto* column = new QVBoxLayout(whole);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    column->addWidget(notices_);
    column->addWidget(centre_, 1);
    setCentralWidget(whole);
}

void MainWindow::build_docks() {
    layers_dock_ = make_dock(tr("Layers"), "layers_dock", layers_, this);
    sparsifier_dock_ = make_dock(tr("Sparsifier"), "sparsifier_dock", sparsifier_, this);
    sparsifier_->setMinimumWidth(least_form);
    schedule_dock_ = make_dock(tr("Schedule"), "schedule_dock", schedule_, this);
    patterns_dock_ = make_dock(tr("Patterns"), "patterns_dock", patterns_, this);
    distribution_dock_ = make_dock(tr("Distribution"), "distribution_dock", distribution_, this);
    setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);
    for (QDockWidget* dock : docks()) {
        actions_->panels->addAction(dock->toggleViewAction());
        connect(dock, &QDockWidget::visibilityChanged, this, &MainWindow::head_docks, Qt::QueuedConnection);
        connect(dock, &QDockWidget::dockLocationChanged, this, &MainWindow::head_docks, Qt::QueuedConnection);
        connect(dock, &QDockWidget::topLevelChanged, this, &MainWindow::head_docks, Qt::QueuedConnection);
    }
    arrange_docks();
}

std::array<QDockWidget*, 5> MainWindow::docks() const {
    return {layers_dock_, sparsifier_dock_, schedule_dock_, patterns_dock_, distribution_dock_};
}

void MainWindow::arrange_docks() {
    setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
    setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
    addDockWidget(Qt::LeftDockWidgetArea, layers_dock_);
    addDockWidget(Qt::RightDockWidgetArea, sparsifier_dock_);
    addDockWidget(Qt::RightDockWidgetArea, schedule_dock_);
    addDockWidget(Qt::RightDockWidgetArea, patterns_dock_);
    addDockWidget(Qt::BottomDockWidgetArea, distribution_dock_);
    for (QDockWidget* dock : docks()) {
        dock->setFloating(false);
        dock->show();
    }
    tabifyDockWidget(sparsifier_dock_, schedule_dock_);
    tabifyDockWidget(schedule_dock_, patterns_dock_);
    sparsifier_dock_->raise();
    head_docks();
    size_docks();
}

void MainWindow::head_docks() {
    for (QDockWidget* dock : docks()) set_heading(dock, tabifiedDockWidgets(dock).isEmpty());
    for (QTabBar* tabs : findChildren<QTabBar*>(QString(), Qt::FindDirectChildrenOnly)) {
        tabs->setAccessibleName(tr("Panels"));
        tabs->setDrawBase(false);
        tabs->setElideMode(Qt::ElideNone);
    }
}

/// Room for the tree's columns and the form first, then in proportion.
void MainWindow::size_docks() {
    const int layers = std::clamp(width() * 35 / 100, 512, 760);
    const int form = std::clamp(width() * 20 / 100, 288, 360);
    resizeDocks({layers_dock_, sparsifier_dock_}, {layers, form}, Qt::Horizontal);
    resizeDocks({distribution_dock_}, {std::clamp(height() * 29 / 100, 200, 360)}, Qt::Vertical);
}

void MainWindow::connect_panels() {
    Session& session = bridge_->session();
    connect(bridge_, &SessionBridge::snapshot_changed, this, &MainWindow::show_snapshot);
    connect(bridge_, &SessionBridge::detail_changed, this, &MainWindow::show_detail);
    connect(layers_, &LayersPanel::focus_changed, this, [&session](auto tensor) { session.focus(tensor); });
    connect(layers_, &LayersPanel::selection_changed, this, [this](const std::vector<size_t>& tensors) {
        sparsifier_->set_selection(tensors);
        schedule_->set_selection(tensors);
        actions_->update(*snapshot_, !tensors.empty());
    });
    connect(layers_, &LayersPanel::freeze_wanted, this,
            [this, &session](bool frozen) { session.set_frozen(layers_->selected(), frozen); });
    connect(layers_, &LayersPanel::clear_wanted, this, [this, &session] { session.clear_masks(layers_->selected()); });
    connect(sparsifier_, &SparsifierPanel::sparsifier_chosen, this,
            [&session](const auto& tensors, const std::string& name) { session.set_sparsifier(tensors, name); });
    connect(sparsifier_, &SparsifierPanel::option_edited, this,
            [&session](const auto& tensors, const std::string& option, const OptionValue& value, bool dragging) {
                session.set_option(tensors, option, value, dragging);
            });
    connect(sparsifier_, &SparsifierPanel::option_reset, this,
            [&session](const auto& tensors, const std::string& option) { session.reset_option(tensors, option); });
    connect(sparsifier_, &SparsifierPanel::freeze_wanted, this,
            [&session](const auto& tensors, bool frozen) { session.set_frozen(tensors, frozen); });
    connect_schedule();
    connect(distribution_, &DistributionCanvas::levelDragged, this, [this, &session](double level, bool dragging) {
        session.set_option(moved_by_the_line(), sparsity_level_option, level, dragging);
    });
    connect(patterns_dock_, &QDockWidget::visibilityChanged, this,
            [&session](bool visible) { session.show_patterns(visible); });
    connect(status_, &StatusPanel::cancel_wanted, this, [&session] { session.cancel_job(); });
    connect(status_, &StatusPanel::data_wanted, files_, &FileCommands::ask_data);
}

void MainWindow::connect_schedule() {
    Session& session = bridge_->session();
    connect(schedule_, &SchedulePanel::schedulers_chosen, this,
            [&session](const auto& names) { session.set_schedule(names); });
    connect(schedule_, &SchedulePanel::steps_edited, this, [&session](int steps) { session.set_steps(steps); });
    connect(schedule_, &SchedulePanel::option_edited, this,
            [&session](const auto& tensors, size_t scheduler, const std::string& option, const OptionValue& value,
                       bool dragging) { session.set_schedule_option(tensors, scheduler, option, value, dragging); });
    connect(schedule_, &SchedulePanel::option_reset, this,
            [&session](const auto& tensors, size_t scheduler, const std::string& option) {
                session.reset_schedule_option(tensors, scheduler, option);
            });
    connect(schedule_, &SchedulePanel::fit_wanted, this, [&session] { session.fit_schedule(); });
    connect(schedule_, &SchedulePanel::run_wanted, this, [&session] { session.run_schedule(); });
    connect(schedule_, &SchedulePanel::restart_wanted, this, [&session] { session.restart(); });
}

/// The tensor in focus, and with it what else is selected and has a level too.
std::vector<size_t> MainWindow::moved_by_the_line() const {
    const auto detail = bridge_->session().detail();
    if (!detail) return {};
    std::vector<size_t> tensors = layers_->selected();
    if (!std::binary_search(tensors.begin(), tensors.end(), detail->tensor)) return {detail->tensor};
    std::erase_if(tensors, [this](size_t tensor) {
        const Sparsifier* rule = snapshot_->tensors.at(tensor)->sparsifier;
        return !rule || !rule->find_option(sparsity_level_option);
    });
    return tensors;
}

void MainWindow::connect_actions() {
    Session& session = bridge_->session();
    const auto on = [this](QAction* action, auto what) { connect(action, &QAction::triggered, this, what); };
    on(actions_->open, [this] { files_->ask_model(); });
    on(actions_->open_data, [this] { files_->ask_data(); });
    on(actions_->save_session, [this] { files_->sessions().save(); });
    on(actions_->save_session_as, [this] { files_->sessions().save_as(); });
    on(actions_->load_recipe, [this] { files_->load_recipe_asked(); });
    on(actions_->save_recipe, [this] { files_->save_recipe_asked(); });
    on(actions_->load_state, [this] { files_->load_state_asked(); });
    on(actions_->save_state, [this] { files_->save_state_asked(); });
    on(actions_->export_model, [this] { files_->ask_export(snapshot_); });
    on(actions_->convert, [this] { files_->ask_conversion(snapshot_); });
    on(actions_->close, [this] { files_->close_model(); });
    on(actions_->quit, [this] { close(); });
    on(actions_->undo, [&session] { session.undo(); });
    on(actions_->redo, [&session] { session.redo(); });
    on(actions_->select_all, [this] { layers_->select_all_prunable(); });
    on(actions_->filter, [this] { layers_->focus_filter(); });
    on(actions_->step, [&session] { session.step(); });
    on(actions_->run, [&session] { session.run_schedule(); });
    on(actions_->stop, [&session] { session.cancel_job(); });
    on(actions_->restart, [&session] { session.restart(); });
    on(actions_->clear, [this, &session] { session.clear_masks(layers_->selected()); });
    on(actions_->freeze, [this, &session] { session.set_frozen(layers_->selected(), true); });
    on(actions_->unfreeze, [this, &session] { session.set_frozen(layers_->selected(), false); });
    const auto zoom = [this](double factor) {
        const ImVec4 room = mask_->view().room();
        mask_->view().camera().zoom_at(factor, (room.z - room.x) / 2, (room.w - room.y) / 2);
        mask_->request();
    };
    on(actions_->zoom_in, [zoom] { zoom(zoom_step); });
    on(actions_->zoom_out, [zoom] { zoom(1 / zoom_step); });
    on(actions_->zoom_fit, [this] {
        mask_->view().camera().fit();
        mask_->request();
    });
    on(actions_->reset_layout, [this] { arrange_docks(); });
    on(actions_->shortcuts, [this] { show_shortcuts(this); });
    on(actions_->about, [this] { show_about(this); });
    connect(actions_, &Actions::theme_chosen, this, [this](ThemeChoice choice) {
        choose_theme(choice);
        if (remember_) QSettings().setValue(QLatin1String(theme_key), int(choice));
    });
}

void MainWindow::show_snapshot(const SnapshotPtr& snapshot) {
    if (!snapshot->model && (snapshot_->model || snapshot->version == 0)) empty_->set_recent(files_->recent_models());
    snapshot_ = snapshot;
    centre_->setCurrentIndex(snapshot->model ? 1 : 0);
    distribution_dock_->widget()->setEnabled(snapshot->model != nullptr);
    sparsifier_->set_snapshot(snapshot);
    schedule_->set_snapshot(snapshot);
    layers_->set_snapshot(snapshot);
    patterns_->set_snapshot(snapshot);
    status_->set_snapshot(snapshot);
    notices_->set_snapshot(snapshot);
    actions_->update(*snapshot, !layers_->selected().empty());
    files_->note_opened(*snapshot);
    files_->show_conversion(*snapshot);
    files_->sessions().show_missing(*snapshot);
    show_title();
    apply_wanted_focus();
}

void MainWindow::show_detail(const TensorDetailPtr& detail) {
    const bool known = detail && detail->model == snapshot_->model && detail->tensor < snapshot_->tensors.size();
    mask_->setDetail(detail, known ? block_of(*snapshot_->tensors[detail->tensor]) : BlockShape{});
    distribution_->setDetail(detail);
}

void MainWindow::show_title() {
    if (!snapshot_->model) return setWindowTitle(QStringLiteral("Lacuna"));
    const auto& model = snapshot_->model->checkpoint().path();
    const auto& path = snapshot_->session_file.empty() ? model : snapshot_->session_file;
    QString name = to_qstring(path.filename().string()) + QStringLiteral("[*]");
    if (path != model) name += QStringLiteral(" (%1)").arg(to_qstring(model.filename().string()));
    setWindowTitle(name + QStringLiteral(" — Lacuna"));
    setWindowFilePath(to_qstring(path.string()));
    setWindowModified(snapshot_->modified);
}

void MainWindow::focus_on(const QString& tensor_fqn) {
    wanted_focus_ = tensor_fqn;
    apply_wanted_focus();
}

void MainWindow::apply_wanted_focus() {
    if (wanted_focus_.isEmpty() || !snapshot_->model) return;
    if (const auto tensor = snapshot_->model->checkpoint().find(wanted_focus_.toStdString()))
        layers_->select_tensor(*tensor);
    wanted_focus_.clear();
}

void MainWindow::choose_theme(ThemeChoice choice) {
    use_theme(choice);
    actions_->check_theme(choice);
}

void MainWindow::restore_state() {
    if (!remember_) return;
    const QSettings settings;
    restoreGeometry(settings.value(QLatin1String(geometry_key)).toByteArray());
    docks_sized_ = restoreState(settings.value(QLatin1String(state_key)).toByteArray());
    choose_theme(ThemeChoice(settings.value(QLatin1String(theme_key), int(ThemeChoice::system)).toInt()));
}

void MainWindow::showEvent(QShowEvent* event) {
    QMainWindow::showEvent(event);
    if (!std::exchange(docks_sized_, true)) size_docks();
}

void MainWindow::closeEvent(QCloseEvent* event) {
    if (!leaving_ && !files_->sessions().is_saved()) {
        event->ignore();
        return files_->sessions().when_safe(tr("leaving"), [this] {
            leaving_ = true;
            close();
        });
    }
    if (remember_) {
        QSettings settings;
        settings.setValue(QLatin1String(geometry_key), saveGeometry());
        settings.setValue(QLatin1String(state_key), saveState());
    }
    bridge_->session().cancel_job();
    event->accept();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
    if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
    QStringList paths;
    for (const QUrl& url : event->mimeData()->urls())
        if (url.isLocalFile()) paths << url.toLocalFile();
    if (paths.isEmpty()) return;
    event->acceptProposedAction();
    files_->open_files(paths);
}

}  // namespace lacuna::ui
