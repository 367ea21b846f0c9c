#pragma once

#include <QObject>
#include <QPointer>

#include "engine/session/session.h"
#include "ui/shell/recent_files.h"
#include "ui/shell/session_commands.h"

class QDropEvent;
class QWidget;

namespace lacuna::ui {

class ConvertDialog;
class ExportDialog;

/// The file menu's means: dialogs, recent files and dropped files, all ending in intents to the session.
class FileCommands : public QObject {
    Q_OBJECT
  public:
    /// `remember`: keep recent files and the last folder between runs.
    FileCommands(Session& session, QWidget* window, bool remember);
    ~FileCommands() override;

    /// A model or a session; asks first if something is not saved.
    void open_model(const QString& path);
    void close_model();
    void open_data(const QString& path);
    void load_recipe(const QString& path);
    void load_state(const QString& path);
    /// Opens each file as what its content says, the model first.
    void open_files(const QStringList& paths);

    void ask_model();
    void ask_data();
    void load_recipe_asked();
    void save_recipe_asked();
    void load_state_asked();
    void save_state_asked();
    void ask_export(const SnapshotPtr& snapshot);
    ExportDialog* export_dialog() const;
    void ask_conversion(const SnapshotPtr& snapshot);
    ConvertDialog* convert_dialog() const;
    /// Shows the report of a conversion once it is there.
    void show_conversion(const Snapshot& snapshot);

    SessionCommands& sessions() { return sessions_; }
    RecentFiles& recent() { return recent_; }
    /// None where they are not remembered.
    QStringList recent_models() const { return remember_ ? recent_.paths() : QStringList(); }
    /// Adds the session or the model to the recent files once it is open.
    void note_opened(const Snapshot& snapshot);

  private:
    void open_at_once(const QString& path);
    QString folder() const;
    void keep_folder(const QString& path);

    Session& session_;
    QWidget* window_;
    bool remember_;
    RecentFiles recent_;
    SessionCommands sessions_;
    ModelPtr noted_;
    std::filesystem::path noted_file_;
    QPointer<ExportDialog> export_dialog_;  ///< while it is open
    QPointer<ConvertDialog> convert_dialog_;
    ConversionResultPtr shown_conversion_;
};

}  // namespace lacuna::ui
