#include "ui/shell/layer_tree_model.h"

#include <QBrush>
#include <QGuiApplication>
#include <QPalette>
#include <algorithm>
#include <functional>

#include "ui/shell/text_format.h"

namespace lacuna::ui {
namespace {

constexpr size_t most_runs = 24;

}  // namespace

LayerTreeModel::LayerTreeModel(QObject* parent) : QAbstractItemModel(parent) {}

void LayerTreeModel::set_snapshot(SnapshotPtr snapshot) {
    const SnapshotPtr before = std::exchange(snapshot_, std::move(snapshot));
    if (!before || !snapshot_ || before->model != snapshot_->model) {
        beginResetModel();
        rebuild();
        endResetModel();
    } else if (snapshot_->model) {
        announce(update_summaries(before));
    }
}

void LayerTreeModel::rebuild() {
    nodes_.clear();
    node_of_tensor_.clear();
    prunable_.clear();
    search_texts_.clear();
    if (!snapshot_ || !snapshot_->model) return;
    nodes_ = make_layer_nodes(*snapshot_->model);
    const auto& tensors = snapshot_->model->checkpoint().tensors();
    node_of_tensor_.resize(tensors.size());
    prunable_.resize(tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) prunable_[i] = prunable_by_default(tensors[i]);
    for (size_t i = 0; i < nodes_.size(); ++i)
        if (nodes_[i].tensor >= 0) node_of_tensor_[size_t(nodes_[i].tensor)] = int(i);
    update_summaries(nullptr);
}

/// Brings every summary up to date and tells which nodes' changed.
std::vector<char> LayerTreeModel::update_summaries(const SnapshotPtr& before) {
    std::vector<char> dirty(nodes_.size(), 0);
    for (size_t i = nodes_.size(); i-- > 0;) {  // children come after their parents
        LayerNode& one = nodes_[i];
        if (one.tensor >= 0) {
            const auto tensor = size_t(one.tensor);
            const TensorZeros zeros = snapshot_->zeros_of(tensor);
            const bool same_state = before && before->tensors[tensor] == snapshot_->tensors[tensor];
            if (same_state && before->zeros_of(tensor) == zeros) continue;
            one.summary = summarize(*snapshot_->tensors[tensor], zeros, prunable_[tensor]);
            dirty[i] = 1;
        } else if (dirty[i] || !before) {
            const LayerSummary merged = merge(nodes_, one.children);
            if (before && merged == one.summary) {
                dirty[i] = 0;
                continue;
            }
            one.summary = merged;
        }
        if (one.parent >= 0) dirty[size_t(one.parent)] = 1;
    }
    return dirty;
}

/// One dataChanged for each run of changed siblings. Views look each up among all their rows and measure it, so where
/// they are many, none is told.
void LayerTreeModel::announce(const std::vector<char>& dirty) {
    struct Run {
        int first, last;  ///< rows of one parent
        int first_node, last_node;
    };
    std::vector<Run> runs;
    for (const LayerNode& parent : nodes_) {
        const auto& children = parent.children;
        for (size_t first = 0; first < children.size(); ++first) {
            if (!dirty[size_t(children[first])]) continue;
            if (runs.size() == most_runs) return Q_EMIT many_changed();
            size_t last = first;
            while (last + 1 < children.size() && dirty[size_t(children[last + 1])]) ++last;
            runs.push_back({int(first), int(last), children[first], children[last]});
            first = last;
        }
    }
    for (const Run& run : runs)
        Q_EMIT dataChanged(createIndex(run.first, Sparsity, quintptr(run.first_node)),
                           createIndex(run.last, SparsifierColumn, quintptr(run.last_node)));
}

std::vector<char> LayerTreeModel::shown_by(const LayerFilter& filter) const {
    enum : char { hidden, above, shown };
    std::vector<char> rows(nodes_.size(), hidden);
    for (size_t i = 1; i < nodes_.size(); ++i) {
        const auto parent = size_t(nodes_[i].parent);
        if ((parent > 0 && rows[parent] == shown) || matches(filter, i)) rows[i] = shown;
    }
    for (size_t i = nodes_.size(); i-- > 1;) {  // children come after their parents
        char& parent = rows[size_t(nodes_[i].parent)];
        if (rows[i] != hidden && parent == hidden) parent = above;
    }
    return rows;
}

const LayerNode& LayerTreeModel::node(const QModelIndex& index) const {
    return nodes_[index.isValid() ? size_t(index.internalId()) : 0];
}

const TensorInfo& LayerTreeModel::info(const LayerNode& node) const {
    return snapshot_->model->checkpoint().tensors()[size_t(node.tensor)];
}

QModelIndex LayerTreeModel::index(int row, int column, const QModelIndex& parent) const {
    if (!hasIndex(row, column, parent)) return {};
    return createIndex(row, column, quintptr(node(parent).children[size_t(row)]));
}

QModelIndex LayerTreeModel::parent(const QModelIndex& child) const {
    if (!child.isValid()) return {};
    const int parent = node(child).parent;
    return parent <= 0 ? QModelIndex() : createIndex(nodes_[size_t(parent)].row, 0, quintptr(parent));
}

int LayerTreeModel::rowCount(const QModelIndex& parent) const {
    if (nodes_.empty() || parent.column() > 0) return 0;
    return int(node(parent).children.size());
}

int LayerTreeModel::columnCount(const QModelIndex&) const {
    return ColumnCount;
}

template <class Visit>
void LayerTreeModel::visit_tensors(int index, const Visit& visit) const {
    const LayerNode& one = nodes_[size_t(index)];
    if (one.tensor >= 0) visit(size_t(one.tensor));
    for (int child : one.children) visit_tensors(child, visit);
}

std::vector<size_t> LayerTreeModel::tensors_of(const QModelIndex& index) const {
    std::vector<size_t> found;
    if (!index.isValid()) return found;
    const LayerNode& one = node(index);
    if (one.tensor >= 0) {
        const auto tensor = size_t(one.tensor);
        if (why_not_prunable(info(one)).empty() && !snapshot_->model->checkpoint().mask_of(tensor))
            found.push_back(tensor);
        return found;
    }
    visit_tensors(int(index.internalId()), [&](size_t tensor) {
        if (prunable_[tensor]) found.push_back(tensor);
    });
    return found;
}

void LayerTreeModel::leave_out_bystanders(std::vector<size_t>& tensors) const {
    const auto meant = [this](size_t tensor) { return prunable_[tensor] != 0; };
    if (std::any_of(tensors.begin(), tensors.end(), meant)) std::erase_if(tensors, std::not_fn(meant));
}

std::optional<size_t> LayerTreeModel::focus_of(const QModelIndex& index) const {
    if (!index.isValid()) return std::nullopt;
    std::optional<size_t> first, prunable;
    visit_tensors(int(index.internalId()), [&](size_t tensor) {
        if (!first) first = tensor;
        if (!prunable && prunable_[tensor]) prunable = tensor;
    });
    return prunable ? prunable : first;
}

QModelIndex LayerTreeModel::index_of_tensor(size_t tensor, int column) const {
    if (tensor >= node_of_tensor_.size()) return {};
    const int found = node_of_tensor_[tensor];
    return createIndex(nodes_[size_t(found)].row, column, quintptr(found));
}

QVariant LayerTreeModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || nodes_.empty()) return {};
    const LayerNode& one = node(index);
    switch (role) {
        case Qt::DisplayRole:
            return display(one, index.column());
        case Qt::ToolTipRole:
            return tool_tip(one, index.column());
        case Qt::TextAlignmentRole:
            if (index.column() == Parameters) return int(Qt::AlignRight | Qt::AlignVCenter);
            return int(Qt::AlignLeft | Qt::AlignVCenter);
        case Qt::ForegroundRole: {
            const bool quiet = !one.summary.counts || index.column() == Type || index.column() == ShapeColumn;
            return quiet ? QVariant(QBrush(QGuiApplication::palette().placeholderText().color())) : QVariant();
        }
        case Qt::AccessibleTextRole:
            if (index.column() == Sparsity && one.summary.shows_sparsity())
                return display(one, Sparsity) + (one.summary.pending ? tr(" zeros, preview") : tr(" zeros"));
            if (index.column() == Parameters) return grouped(one.parameters);
            return display(one, index.column());
        case BarRole: {
            const auto drawn = bar(one);
            return drawn ? QVariant::fromValue(*drawn) : QVariant();
        }
        case FqnRole:
            return fqn(one);
        case ProblemRole:
            return one.summary.problem;
        default:
            return {};
    }
}

QVariant LayerTreeModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal) return {};
    if (role == Qt::TextAlignmentRole)
        return int((section == Parameters ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    if (role == Qt::ToolTipRole) return column_tip(section);
    return role == Qt::DisplayRole ? QVariant(column_title(section)) : QVariant();
}

}  // namespace lacuna::ui
