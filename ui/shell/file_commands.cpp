#include "ui/shell/file_commands.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QSettings>

#include "ui/shell/conversion_report_dialog.h"
#include "ui/shell/convert_dialog.h"
#include "ui/shell/export_dialog.h"
#include "ui/shell/file_kind.h"
#include "ui/shell/text_format.h"

namespace lacuna::ui {
namespace {

const char* const folder_key = "files/folder";
const char* const data_filter = "Data (*.safetensors);;All files (*)";
const char* const recipe_filter = "Recipes (*.yaml *.yml *.json);;All files (*)";
const char* const state_filter = "Sparsifier states (*.pt *.pth *.bin);;All files (*)";
const char* const model_filter =
    "Models and sessions (*.lacuna *.safetensors *.safetensors.index.json *.pt *.pth *.bin *.ckpt *.ts *.jit);;All "
    "files (*)";

}  // namespace

FileCommands::FileCommands(Session& session, QWidget* window, bool remember)
    : QObject(window), session_(session), window_(window), remember_(remember), sessions_(session, window) {
    connect(&recent_, &RecentFiles::chosen, this, &FileCommands::open_model);
}

FileCommands::~FileCommands() = default;

void FileCommands::open_model(const QString& path) {
    sessions_.when_safe(tr("opening %1").arg(QFileInfo(path).fileName()), [this, path] { open_at_once(path); });
}

void FileCommands::open_at_once(const QString& path) {
    keep_folder(path);
    session_.open(path.toStdString());
}

void FileCommands::close_model() {
    sessions_.when_safe(tr("closing the model"), [this] { session_.close(); });
}

void FileCommands::open_data(const QString& path) {
    session_.open_data(path.toStdString());
}

void FileCommands::load_recipe(const QString& path) {
    session_.load_recipe(path.toStdString());
}

void FileCommands::load_state(const QString& path) {
    session_.load_state(path.toStdString());
}

void FileCommands::open_files(const QStringList& paths) {
    // Kinds arrive one by one from another thread; the session gets models before what needs one.
    struct Sorted {
        QStringList by_kind[4];
        qsizetype missing;
    };
    auto sorted = std::make_shared<Sorted>();
    sorted->missing = paths.size();
    for (const QString& dropped : paths) {
        const QString path = in_folder(dropped);
        find_file_kind(path, this, [this, sorted, path](FileKind kind) {
            sorted->by_kind[int(kind)] << path;
            if (--sorted->missing > 0) return;
            const QStringList models = sorted->by_kind[int(FileKind::model)];
            const auto open_all = [this, sorted, models] {
                for (const QString& one : models) open_at_once(one);
                for (const QString& one : sorted->by_kind[int(FileKind::data)]) open_data(one);
                for (const QString& one : sorted->by_kind[int(FileKind::recipe)]) load_recipe(one);
                for (const QString& one : sorted->by_kind[int(FileKind::state)]) load_state(one);
            };
            if (models.isEmpty()) return open_all();
            sessions_.when_safe(tr("opening %1").arg(QFileInfo(models.last()).fileName()), open_all);
        });
    }
}

void FileCommands::ask_model() {
    const QString path =
        QFileDialog::getOpenFileName(window_, tr("Open model or session"), folder(), QLatin1String(model_filter));
    if (!path.isEmpty()) open_model(path);
}

void FileCommands::ask_data() {
    const QString path = QFileDialog::getOpenFileName(window_, tr("Open data"), folder(), QLatin1String(data_filter));
    if (!path.isEmpty()) open_data(path);
}

void FileCommands::load_recipe_asked() {
    const QString path =
        QFileDialog::getOpenFileName(window_, tr("Load recipe"), folder(), QLatin1String(recipe_filter));
    if (!path.isEmpty()) load_recipe(path);
}

void FileCommands::save_recipe_asked() {
    QString path = QFileDialog::getSaveFileName(window_, tr("Save recipe"), folder() + QStringLiteral("/recipe.yaml"),
                                                QLatin1String(recipe_filter));
    if (path.isEmpty()) return;
    if (QFileInfo(path).suffix().isEmpty()) path += QStringLiteral(".yaml");
    session_.save_recipe(path.toStdString());
}

void FileCommands::load_state_asked() {
    const QString path =
        QFileDialog::getOpenFileName(window_, tr("Load sparsifier state"), folder(), QLatin1String(state_filter));
    if (!path.isEmpty()) load_state(path);
}

void FileCommands::save_state_asked() {
    QString path = QFileDialog::getSaveFileName(window_, tr("Save sparsifier state"),
                                                folder() + QStringLiteral("/state.pt"), QLatin1String(state_filter));
    if (path.isEmpty()) return;
    if (QFileInfo(path).suffix().isEmpty()) path += QStringLiteral(".pt");
    session_.save_state(path.toStdString());
}

void FileCommands::ask_export(const SnapshotPtr& snapshot) {
    if (!snapshot || !snapshot->model || export_dialog_) return;
    export_dialog_ = new ExportDialog(snapshot, window_);
    export_dialog_->setAttribute(Qt::WA_DeleteOnClose);
    connect(export_dialog_, &QDialog::accepted, this, [this, dialog = export_dialog_.data()] {
        const ExportDialog::Request request = dialog->request();
        session_.export_model(request.path, request.format, request.masks);
    });
    export_dialog_->open();
}

ExportDialog* FileCommands::export_dialog() const {
    return export_dialog_;
}

void FileCommands::ask_conversion(const SnapshotPtr& snapshot) {
    if (!snapshot || !snapshot->model || convert_dialog_) return;
    convert_dialog_ = new ConvertDialog(snapshot, window_);
    convert_dialog_->setAttribute(Qt::WA_DeleteOnClose);
    connect(convert_dialog_, &QDialog::accepted, this,
            [this, dialog = convert_dialog_.data()] { session_.convert_model(dialog->order()); });
    convert_dialog_->open();
}

ConvertDialog* FileCommands::convert_dialog() const {
    return convert_dialog_;
}

void FileCommands::show_conversion(const Snapshot& snapshot) {
    if (snapshot.conversion == shown_conversion_) return;
    shown_conversion_ = snapshot.conversion;
    if (!shown_conversion_) return;
    auto* dialog = new ConversionReportDialog(*shown_conversion_, window_);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->open();
}

void FileCommands::note_opened(const Snapshot& snapshot) {
    if (!remember_ || !snapshot.model) return;
    const auto& file = snapshot.session_file.empty() ? snapshot.model->checkpoint().path() : snapshot.session_file;
    if (snapshot.model == noted_ && file == noted_file_) return;
    noted_ = snapshot.model;
    noted_file_ = file;
    recent_.add(to_qstring(file.string()));
}

QString FileCommands::folder() const {
    return QSettings().value(QLatin1String(folder_key)).toString();
}

void FileCommands::keep_folder(const QString& path) {
    if (remember_) QSettings().setValue(QLatin1String(folder_key), QFileInfo(path).absolutePath());
}

}  // namespace lacuna::ui
