#pragma once

#include <vector>

#include "engine/session/session.h"

namespace lacuna::ui {

/// What the tree shows of a tensor's masks, or of all tensors below a layer.
struct LayerSummary {
    int64_t pruned_stepped = 0;              ///< weights pruned by the stepped masks
    int64_t pruned_shown = 0;                ///< weights pruned by the shown masks
    TensorZeros zeros;                       ///< where they are not known, the masks' counts stand for them
    const Sparsifier* sparsifier = nullptr;  ///< the one that all prunable tensors share
    bool mixed = false;                      ///< they have different ones, or only some have one
    bool pending = false;                    ///< some shown mask is not stepped
    bool frozen = false;                     ///< some tensor is frozen
    bool problem = false;                    ///< some preview could not be computed
    bool counts = false;                     ///< something here can be pruned or has a sparsifier

    /// Whether there is a sparsity to show: of what can be pruned, and of what has zeros without.
    bool shows_sparsity() const { return counts || zeros.own > 0; }

    bool operator==(const LayerSummary&) const = default;
};

/// A row of the tree: a layer, a tensor, or both where a layer is nothing but one tensor.
struct LayerNode {
    int parent = -1;  ///< index into the nodes; −1 for the root, which is not shown
    int row = 0;      ///< position among the parent's children
    int layer = -1;   ///< index into Model::layers(), or −1
    int tensor = -1;  ///< index into Checkpoint::tensors(), or −1
    int64_t parameters = 0;
    std::vector<int> children;
    LayerSummary summary;
};

/// The model's rows in pre-order, in the file's order: every node comes before its children. nodes[0] is the root.
/// Layers without a tensor below them (dropout, activations) are left out.
std::vector<LayerNode> make_layer_nodes(const Model& model);

/// The summary of one tensor. `prunable`: prunable_by_default(tensor).
LayerSummary summarize(const TensorState& state, const TensorZeros& zeros, bool prunable);
/// The summary of a layer from its children's.
LayerSummary merge(const std::vector<LayerNode>& nodes, const std::vector<int>& children);

}  // namespace lacuna::ui
