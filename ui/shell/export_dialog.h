#pragma once

#include <QDialog>
#include <filesystem>
#include <optional>

#include "engine/session/session.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;

namespace lacuna::ui {

/// Asks where and how the pruned model is to be written, and says what will be in it.
class ExportDialog : public QDialog {
    Q_OBJECT
  public:
    struct Request {
        std::filesystem::path path;
        Format format = Format::safetensors;
        std::optional<std::filesystem::path> masks;
    };

    explicit ExportDialog(SnapshotPtr snapshot, QWidget* parent = nullptr);

    Request request() const;
    QLineEdit* path_field() const { return path_; }
    QComboBox* format_field() const { return format_; }
    QPushButton* export_button() const { return export_; }

  private:
    QString summary() const;
    QString masks_path() const;
    void browse();
    void format_changed();
    void check();
    bool in_shards() const;
    /// Where a pruned copy in the chosen format goes if nobody says otherwise.
    QString suggestion() const;
    QString problem() const;

    SnapshotPtr snapshot_;
    QString suggested_;  ///< the path that the dialog came up with
    QLabel* path_label_;
    QLineEdit* path_;
    QComboBox* format_;
    QCheckBox* masks_;
    QLabel* masks_note_;
    QLabel* problem_;
    QPushButton* export_;
};

}  // namespace lacuna::ui
