#include "ui/shell/layer_nodes.h"

#include <algorithm>
#include <limits>

namespace lacuna::ui {
namespace {

constexpr size_t no_tensor = std::numeric_limits<size_t>::max();

class Builder {
  public:
    explicit Builder(const Model& model) : model_(model), first_tensor_(model.layers().size()) {
        // Layers come after their parents, so one backward pass finds the first tensor below each.
        const auto& layers = model.layers();
        std::fill(first_tensor_.begin(), first_tensor_.end(), no_tensor);
        for (size_t i = layers.size(); i-- > 0;) {
            for (size_t tensor : layers[i].tensors) first_tensor_[i] = std::min(first_tensor_[i], tensor);
            for (size_t child : layers[i].children) first_tensor_[i] = std::min(first_tensor_[i], first_tensor_[child]);
        }
    }

    std::vector<LayerNode> build() {
        add_layer(0, -1, 0);
        return std::move(nodes_);
    }

  private:
    struct Entry {
        size_t order;
        bool is_layer;
        size_t index;
    };

    int add(int parent, int row) {
        LayerNode node;
        node.parent = parent;
        node.row = row;
        nodes_.push_back(std::move(node));
        return int(nodes_.size()) - 1;
    }

    void add_tensor(size_t tensor, int parent, int row) {
        LayerNode& node = nodes_[size_t(add(parent, row))];
        node.tensor = int(tensor);
        node.parameters = model_.checkpoint().tensors()[tensor].elements();
    }

    void add_layer(size_t index, int parent, int row) {
        const Layer& layer = model_.layers()[index];
        const int self = add(parent, row);
        nodes_[size_t(self)].layer = int(index);
        nodes_[size_t(self)].parameters = layer.parameters;
        if (parent >= 0 && layer.children.empty() && layer.tensors.size() == 1) {
            nodes_[size_t(self)].tensor = int(layer.tensors[0]);
            nodes_[size_t(self)].parameters = model_.checkpoint().tensors()[layer.tensors[0]].elements();
            return;
        }
        std::vector<Entry> entries;
        for (size_t tensor : layer.tensors) entries.push_back({tensor, false, tensor});
        for (size_t child : layer.children)
            if (first_tensor_[child] != no_tensor) entries.push_back({first_tensor_[child], true, child});
        std::stable_sort(entries.begin(), entries.end(), [](auto& a, auto& b) { return a.order < b.order; });
        std::vector<int> children;
        for (const Entry& entry : entries) {
            children.push_back(int(nodes_.size()));
            if (entry.is_layer)
                add_layer(entry.index, self, int(children.size()) - 1);
            else
                add_tensor(entry.index, self, int(children.size()) - 1);
        }
        nodes_[size_t(self)].children = std::move(children);
    }

    const Model& model_;
    std::vector<size_t> first_tensor_;
    std::vector<LayerNode> nodes_;
};

}  // namespace

std::vector<LayerNode> make_layer_nodes(const Model& model) {
    return Builder(model).build();
}

LayerSummary summarize(const TensorState& state, const TensorZeros& zeros, bool prunable) {
    LayerSummary summary;
    summary.sparsifier = state.sparsifier;
    summary.pending = state.pending();
    summary.frozen = state.frozen;
    summary.problem = !state.problem.empty();
    summary.counts = prunable || state.sparsifier || state.shown || state.stepped;
    if (state.shown) summary.pruned_shown = state.shown->size() - state.kept;
    if (state.stepped == state.shown)
        summary.pruned_stepped = summary.pruned_shown;
    else if (state.stepped)
        summary.pruned_stepped = state.stepped->pruned();
    summary.zeros = zeros;
    if (!zeros.known) {
        summary.zeros.stepped = summary.pruned_stepped;
        summary.zeros.shown = summary.pruned_shown;
    }
    return summary;
}

LayerSummary merge(const std::vector<LayerNode>& nodes, const std::vector<int>& children) {
    LayerSummary sum;
    for (int child : children) {
        const LayerSummary& one = nodes[size_t(child)].summary;
        sum.pruned_stepped += one.pruned_stepped;
        sum.pruned_shown += one.pruned_shown;
        sum.zeros.coming |= one.zeros.coming;
        sum.zeros.known |= one.zeros.known;
        sum.zeros.own += one.zeros.own;
        sum.zeros.stepped += one.zeros.stepped;
        sum.zeros.shown += one.zeros.shown;
        sum.pending |= one.pending;
        sum.frozen |= one.frozen;
        sum.problem |= one.problem;
        if (!one.counts) continue;
        sum.mixed |= one.mixed || (sum.counts && one.sparsifier != sum.sparsifier);
        sum.sparsifier = one.sparsifier;
        sum.counts = true;
    }
    if (sum.mixed) sum.sparsifier = nullptr;
    return sum;
}

}  // namespace lacuna::ui
