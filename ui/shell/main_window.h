#pragma once

#include <QMainWindow>
#include <array>

#include "ui/shell/actions.h"
#include "ui/shell/session_bridge.h"

class QStackedWidget;

namespace lacuna::ui {

class DistributionCanvas;
class EmptyState;
class FileCommands;
class LayersPanel;
class MaskCanvas;
class NoticeBar;
class PatternsPanel;
class SchedulePanel;
class SparsifierPanel;
class StatusPanel;

/// The window: panels around the mask's picture, fed by the session's snapshots, sending intents back.
class MainWindow : public QMainWindow {
    Q_OBJECT
  public:
    /// `remember`: recent files, geometry, docks and theme are kept between runs.
    explicit MainWindow(bool remember);
    ~MainWindow() override;

    SessionBridge& bridge() { return *bridge_; }
    const SnapshotPtr& snapshot() const { return snapshot_; }
    Actions& actions() { return *actions_; }
    FileCommands& files() { return *files_; }
    LayersPanel& layers() { return *layers_; }
    SparsifierPanel& sparsifier() { return *sparsifier_; }
    SchedulePanel& schedule() { return *schedule_; }
    NoticeBar& notices() { return *notices_; }
    MaskCanvas& mask_canvas() { return *mask_; }
    DistributionCanvas& distribution_canvas() { return *distribution_; }

    /// Looks at this tensor as soon as a model that has it is open.
    void focus_on(const QString& tensor_fqn);
    void choose_theme(ThemeChoice choice);

  private:
    void build_centre();
    void build_docks();
    std::array<QDockWidget*, 5> docks() const;
    void arrange_docks();
    void size_docks();
    void head_docks();
    void connect_panels();
    void connect_schedule();
    std::vector<size_t> moved_by_the_line() const;
    void connect_actions();
    void show_snapshot(const SnapshotPtr& snapshot);
    void show_detail(const TensorDetailPtr& detail);
    void show_title();
    void apply_wanted_focus();
    void restore_state();

    void showEvent(QShowEvent* event) override;
    void closeEvent(QCloseEvent* event) override;
    void dragEnterEvent(QDragEnterEvent* event) override;
    void dropEvent(QDropEvent* event) override;

    const bool remember_;
    bool docks_sized_ = false;
    bool leaving_ = false;  ///< nothing is lost by it, or that was agreed to
    SnapshotPtr snapshot_;
    QString wanted_focus_;
    SessionBridge* bridge_;
    Actions* actions_;
    FileCommands* files_;
    QStackedWidget* centre_;
    EmptyState* empty_;
    NoticeBar* notices_;
    LayersPanel* layers_;  ///< Tab goes through these in the order in which they are made: left to right
    MaskCanvas* mask_;
    DistributionCanvas* distribution_;
    SparsifierPanel* sparsifier_;
    SchedulePanel* schedule_;
    PatternsPanel* patterns_;
    StatusPanel* status_;
    QDockWidget *layers_dock_, *sparsifier_dock_, *schedule_dock_, *patterns_dock_, *distribution_dock_;
};

}  // namespace lacuna::ui
