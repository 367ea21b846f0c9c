#pragma once

#include <QAbstractItemModel>
#include <QStringList>
#include <string>
#include <vector>

#include "ui/shell/layer_nodes.h"

namespace lacuna::ui {

/// What the sparsity column draws; delivered under LayerTreeModel::BarRole.
struct SparsityBar {
    double stepped = 0;  ///< fraction that is zero under the stepped masks
    double shown = 0;    ///< fraction that is zero under the shown masks
    bool pending = false;
};

/// What a filter line asks for: all of it.
struct LayerFilter {
    QStringList words;               ///< in the FQN, type or sparsifier, in lower case
    std::vector<std::string> globs;  ///< over the whole FQN, as in recipes

    bool empty() const { return words.isEmpty() && globs.empty(); }
};

/// The model's layers and tensors as a tree, with what the newest snapshot says of each. Rows stay as they are from one
/// snapshot to the next; only what changed is announced.
class LayerTreeModel : public QAbstractItemModel {
    Q_OBJECT
  public:
    enum Column { Name, Type, ShapeColumn, Parameters, Sparsity, SparsifierColumn, ColumnCount };
    enum Role {
        BarRole = Qt::UserRole + 1,  ///< SparsityBar, or nothing where nothing can be pruned and nothing is zero
        FqnRole,                     ///< the FQN of the layer or tensor
        ProblemRole,                 ///< true where a preview could not be computed
    };

    explicit LayerTreeModel(QObject* parent = nullptr);

    /// Shows `snapshot`: a reset for another model, else dataChanged for the rows that changed.
    void set_snapshot(SnapshotPtr snapshot);

    /// Tensors that selecting `index` means: the tensor itself, or a layer's tensors that are prunable by default.
    std::vector<size_t> tensors_of(const QModelIndex& index) const;
    /// The tensor to look at for `index`: its own, or the first prunable below, or the first one.
    std::optional<size_t> focus_of(const QModelIndex& index) const;
    /// Takes biases and the like out of a selection that holds weights too: a sweep over rows does not mean them.
    void leave_out_bystanders(std::vector<size_t>& tensors) const;
    /// Which rows a filter shows, by QModelIndex::internalId(): those that match, and all above and below them.
    std::vector<char> shown_by(const LayerFilter& filter) const;
    QModelIndex index_of_tensor(size_t tensor, int column = Name) const;

  Q_SIGNALS:
    /// More rows changed than views can be told of one by one in good time: draw everything again.
    void many_changed();

  public:
    QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
    QModelIndex parent(const QModelIndex& child) const override;
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    const LayerNode& node(const QModelIndex& index) const;
    const TensorInfo& info(const LayerNode& node) const;
    void rebuild();
    std::vector<char> update_summaries(const SnapshotPtr& before);
    void announce(const std::vector<char>& dirty);
    template <class Visit>
    void visit_tensors(int node, const Visit& visit) const;

    static QString column_title(int column);
    static QString column_tip(int column);
    QString display(const LayerNode& node, int column) const;
    QString name_text(const LayerNode& node) const;
    QString node_shape(const LayerNode& node) const;
    QString type_text(const LayerNode& node) const;
    QString sparsifier_text(const LayerNode& node) const;
    QString zeros_text(const LayerNode& node) const;
    QString tool_tip(const LayerNode& node, int column) const;
    bool matches(const LayerFilter& filter, size_t node) const;
    const QString& search_text(size_t node) const;
    const std::string& fqn_of(const LayerNode& node) const;
    QString fqn(const LayerNode& node) const;
    std::optional<SparsityBar> bar(const LayerNode& node) const;

    SnapshotPtr snapshot_;
    std::vector<LayerNode> nodes_;
    std::vector<int> node_of_tensor_;
    std::vector<char> prunable_;
    mutable std::vector<QString> search_texts_;  ///< by node; made when the first filter asks
};

}  // namespace lacuna::ui

Q_DECLARE_METATYPE(lacuna::ui::SparsityBar)
