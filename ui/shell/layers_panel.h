#pragma once

#include <QTimer>
#include <QWidget>
#include <optional>
#include <vector>

#include "ui/shell/layer_filter_proxy.h"
#include "ui/shell/layer_tree_model.h"

class QLabel;
class QLineEdit;
class QTreeView;

namespace lacuna::ui {

/// The tree of layers with a filter line above and a count of what is selected below.
class LayersPanel : public QWidget {
    Q_OBJECT
  public:
    explicit LayersPanel(QWidget* parent = nullptr);

    void set_snapshot(const SnapshotPtr& snapshot);
    /// Prunable tensors that the selected rows stand for, ascending.
    const std::vector<size_t>& selected() const { return selected_; }
    /// Selects every row that the filter shows and that can be pruned.
    void select_all_prunable();
    void select_tensor(size_t tensor);
    void select_tensors(const std::vector<size_t>& tensors);
    void focus_filter();

    QTreeView* view() const { return view_; }
    QLineEdit* filter() const { return filter_; }

  Q_SIGNALS:
    void selection_changed(const std::vector<size_t>& tensors);
    void focus_changed(std::optional<size_t> tensor);
    void freeze_wanted(bool frozen);
    void clear_wanted();

  private:
    void build_view();
    void fit_columns();
    void resizeEvent(QResizeEvent* event) override;
    void apply_filter(const QString& line);
    void read_selection();
    void show_summary();
    void show_menu(const QPoint& at);
    void expand_at_first();
    void expand_below(const QModelIndex& parent);
    void select_something();

    SnapshotPtr snapshot_;
    LayerTreeModel* model_;
    LayerFilterProxy* proxy_;
    QLineEdit* filter_;
    QTreeView* view_;
    QLabel* summary_;
    QTimer reader_;
    std::vector<size_t> selected_;
    std::optional<size_t> focus_;
};

}  // namespace lacuna::ui
