// What the rows of LayerTreeModel say.
#include "engine/session/glob.h"
#include "ui/shell/layer_tree_model.h"
#include "ui/shell/text_format.h"

namespace lacuna::ui {

QString LayerTreeModel::display(const LayerNode& node, int column) const {
    switch (column) {
        case Name:
            return name_text(node);
        case Type:
            return type_text(node);
        case ShapeColumn:
            return node_shape(node);
        case Parameters:
            return count_text(node.parameters);
        case Sparsity: {
            const auto drawn = bar(node);
            if (!drawn) return {};
            const bool waiting = node.summary.zeros.coming && node.summary.pruned_shown == 0;
            return waiting ? QStringLiteral("…") : percent_text(drawn->shown);
        }
        case SparsifierColumn:
            return sparsifier_text(node);
        default:
            return {};
    }
}

/// A layer with a single tensor to prune shows that tensor's shape, so that it says something while it is closed.
QString LayerTreeModel::node_shape(const LayerNode& node) const {
    if (node.tensor >= 0) return shape_text(info(node).shape);
    const LayerNode* only = nullptr;
    for (int child : node.children) {
        const LayerNode& one = nodes_[size_t(child)];
        if (one.tensor < 0 || (one.summary.counts && only)) return {};
        if (one.summary.counts) only = &one;
    }
    return only ? shape_text(info(*only).shape) : QString();
}

QString LayerTreeModel::name_text(const LayerNode& node) const {
    if (node.layer < 0) {
        const QString name = fqn(node);
        const Layer& holder = snapshot_->model->layer_of(size_t(node.tensor));
        return holder.fqn.empty() ? name : name.mid(qsizetype(holder.fqn.size()) + 1);
    }
    const QString name = to_qstring(snapshot_->model->layers()[size_t(node.layer)].name);
    if (node.tensor < 0) return name;
    const QString full = to_qstring(info(node).name);
    const QString layer = to_qstring(snapshot_->model->layers()[size_t(node.layer)].fqn);
    return full.startsWith(layer + '.') ? name + full.mid(layer.size()) : name;
}

QString LayerTreeModel::type_text(const LayerNode& node) const {
    if (node.layer >= 0) {
        const Layer& layer = snapshot_->model->layers()[size_t(node.layer)];
        if (!layer.type.empty()) return to_qstring(layer.type);
    }
    return node.tensor >= 0 ? to_qstring(dtype_name(info(node).dtype)) : QString();
}

QString LayerTreeModel::sparsifier_text(const LayerNode& node) const {
    QString text = node.summary.mixed        ? tr("mixed")
                   : node.summary.sparsifier ? to_qstring(node.summary.sparsifier->title())
                                             : QString();
    if (node.tensor >= 0 && node.summary.frozen) text += text.isEmpty() ? tr("frozen") : tr(" · frozen");
    if (node.tensor >= 0 && node.summary.problem) text += tr(" · cannot apply");
    return text;
}

/// "50.0 % zeros in the file, 70.0 % after pruning"; one number where both are the same.
QString LayerTreeModel::zeros_text(const LayerNode& node) const {
    const TensorZeros& zeros = node.summary.zeros;
    if (zeros.coming) return tr("Zeros in the file are being counted");
    const auto share = [&](int64_t count) { return percent_text(double(count) / double(node.parameters)); };
    if (!zeros.known) return tr("Zeros in the file are not known");
    const QString own = tr("%1 zeros in the file").arg(share(zeros.own));
    return zeros.own == zeros.shown ? own : tr("%1, %2 after pruning").arg(own, share(zeros.shown));
}

QString LayerTreeModel::tool_tip(const LayerNode& node, int column) const {
    QString tip = QStringLiteral("<b>%1</b>").arg(fqn(node).toHtmlEscaped());
    const auto line = [&tip](const QString& text) { tip += QStringLiteral("<br>") + text.toHtmlEscaped(); };
    if (node.layer >= 0) {
        const Layer& layer = snapshot_->model->layers()[size_t(node.layer)];
        if (!layer.type.empty())
            line(layer.type_guessed ? tr("%1 (told from names and shapes)").arg(to_qstring(layer.type))
                                    : to_qstring(layer.type));
    }
    if (node.tensor >= 0) {
        const TensorInfo& tensor = info(node);
        line(QStringLiteral("%1 · %2 · %3")
                 .arg(to_qstring(dtype_name(tensor.dtype)), shape_text(tensor.shape),
                      bytes_text(double(tensor.bytes()))));
        const Checkpoint& checkpoint = snapshot_->model->checkpoint();
        if (const auto masked = checkpoint.mask_of(size_t(node.tensor)))
            line(tr("The mask that the file holds for %1").arg(to_qstring(checkpoint.tensors()[*masked].name)));
        else if (const std::string why = why_not_prunable(tensor); !why.empty())
            line(tr("Cannot be pruned: %1").arg(to_qstring(why)));
        else if (!node.summary.counts)
            line(tr("Pruned only when selected itself"));
        const TensorState& state = *snapshot_->tensors[size_t(node.tensor)];
        if (!state.problem.empty()) line(to_qstring(state.problem));
    }
    line(counted(node.parameters, "parameter"));
    if (node.summary.shows_sparsity() && column == Sparsity) line(zeros_text(node));
    if (node.summary.counts && (column == Sparsity || node.summary.pending)) {
        line(tr("%1 pruned after the steps taken").arg(grouped(node.summary.pruned_stepped)));
        if (node.summary.pending) line(tr("%1 pruned in the preview").arg(grouped(node.summary.pruned_shown)));
    }
    return tip;
}

/// FQN and type in lower case: what a filter looks at and no snapshot changes.
const QString& LayerTreeModel::search_text(size_t node) const {
    if (search_texts_.empty()) {
        search_texts_.reserve(nodes_.size());
        search_texts_.emplace_back();  // the root, which has no row
        for (size_t i = 1; i < nodes_.size(); ++i)
            search_texts_.push_back((fqn(nodes_[i]) + '\n' + type_text(nodes_[i])).toLower());
    }
    return search_texts_[node];
}

bool LayerTreeModel::matches(const LayerFilter& filter, size_t node) const {
    for (const std::string& glob : filter.globs)
        if (!glob_matches(glob, fqn_of(nodes_[node]))) return false;
    QString rule;
    for (const QString& word : filter.words) {
        if (search_text(node).contains(word)) continue;
        if (rule.isNull()) rule = sparsifier_text(nodes_[node]).toLower();
        if (!rule.contains(word)) return false;
    }
    return true;
}

const std::string& LayerTreeModel::fqn_of(const LayerNode& node) const {
    return node.tensor >= 0 ? info(node).name : snapshot_->model->layers()[size_t(node.layer)].fqn;
}

QString LayerTreeModel::fqn(const LayerNode& node) const {
    return to_qstring(fqn_of(node));
}

QString LayerTreeModel::column_title(int column) {
    switch (column) {
        case Name:
            return tr("Name");
        case Type:
            return tr("Type");
        case ShapeColumn:
            return tr("Shape");
        case Parameters:
            return tr("Params");
        case Sparsity:
            return tr("Sparsity");
        case SparsifierColumn:
            return tr("Sparsifier");
        default:
            return {};
    }
}

QString LayerTreeModel::column_tip(int column) {
    switch (column) {
        case Type:
            return tr("A layer's class, a tensor's dtype");
        case ShapeColumn:
            return tr("Outputs × inputs (× kernel): PyTorch's order");
        case Parameters:
            return tr("Parameters: rows' tooltips have the exact number");
        case Sparsity:
            return tr(
                "The share that is zero, by the masks and in the file itself. Solid: after the steps taken. Hatched: "
                "what the next step would add.");
        case SparsifierColumn:
            return tr("The rule that chooses which weights go");
        default:
            return {};
    }
}

std::optional<SparsityBar> LayerTreeModel::bar(const LayerNode& node) const {
    if (!node.summary.shows_sparsity() || node.parameters <= 0) return std::nullopt;
    const auto weights = double(node.parameters);
    return SparsityBar{double(node.summary.zeros.stepped) / weights, double(node.summary.zeros.shown) / weights,
                       node.summary.pending};
}

}  // namespace lacuna::ui
