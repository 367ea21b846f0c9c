#pragma once

#include <QObject>

#include "engine/session/session.h"
#include "ui/shell/style.h"

class QAction;
class QActionGroup;
class QMainWindow;
class QMenu;

namespace lacuna::ui {

/// Everything that menus, tool bar and shortcuts can do. The actions stand here; who owns the means connects to them.
class Actions : public QObject {
    Q_OBJECT
  public:
    explicit Actions(QMainWindow* window);

    /// Enables and labels the actions for what `snapshot` allows.
    void update(const Snapshot& snapshot, bool selection);
    void check_theme(ThemeChoice choice);

    QAction *open, *open_data, *save_session, *save_session_as, *load_recipe, *save_recipe, *load_state, *save_state,
        *export_model, *convert, *close, *quit;
    QAction *undo, *redo, *select_all, *filter;
    QAction *step, *run, *stop, *restart, *clear, *freeze, *unfreeze;
    QAction *zoom_in, *zoom_out, *zoom_fit, *reset_layout;
    QAction *shortcuts, *about;
    QMenu* recent;  ///< filled by RecentFiles
    QMenu* panels;  ///< filled with the docks' own actions

  Q_SIGNALS:
    void theme_chosen(lacuna::ui::ThemeChoice choice);

  private:
    QAction* add(QMenu* menu, const QString& text, const QKeySequence& keys, const QString& tip);
    QMenu* add_menu(const QString& title);
    void make_file_menu();
    void make_edit_menu();
    void make_prune_menu();
    void make_view_menu();
    void make_help_menu();
    void make_tool_bar();

    QMainWindow* window_;
    QActionGroup* themes_;
};

}  // namespace lacuna::ui
