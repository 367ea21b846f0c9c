#include "engine/model/model.h"

#include <unordered_map>

#include "engine/model/guess_type.h"

namespace lacuna {
namespace {

/// Builds the tree: a layer for every prefix of a name, each made once, parents before children.
class TreeBuilder {
  public:
    explicit TreeBuilder(std::vector<Layer>& layers) : layers_(layers) {
        layers_.push_back({});
        by_fqn_.emplace("", 0);
    }

    size_t layer(std::string_view fqn) {
        if (const auto at = by_fqn_.find(std::string(fqn)); at != by_fqn_.end()) return at->second;
        size_t parent = 0, begin = 0;
        for (size_t depth = 1;; ++depth) {
            const size_t dot = depth < most_parts ? fqn.find('.', begin) : std::string_view::npos;
            if (dot == std::string_view::npos || dot > longest_prefix) return child(parent, fqn, fqn.substr(begin));
            parent = child(parent, fqn.substr(0, dot), fqn.substr(begin, dot - begin));
            begin = dot + 1;
        }
    }

  private:
    // What is deeper or longer in a name is one part: layers hold their FQNs, whose sizes would add up.
    static constexpr size_t most_parts = 64, longest_prefix = 4096;

    size_t child(size_t parent, std::string_view fqn, std::string_view name) {
        const auto [at, is_new] = by_fqn_.emplace(std::string(fqn), layers_.size());
        if (!is_new) return at->second;
        Layer layer;
        layer.fqn = std::string(fqn);
        layer.name = std::string(name);
        layer.parent = parent;
        layers_.push_back(std::move(layer));
        layers_[parent].children.push_back(at->second);
        return at->second;
    }

    std::vector<Layer>& layers_;
    std::unordered_map<std::string, size_t> by_fqn_;
};

std::string_view layer_part(std::string_view tensor_fqn) {
    const size_t dot = tensor_fqn.rfind('.');
    return dot == std::string_view::npos ? std::string_view() : tensor_fqn.substr(0, dot);
}

}  // namespace

Model::Model(CheckpointPtr checkpoint) : checkpoint_(std::move(checkpoint)) {
    TreeBuilder tree(layers_);
    for (const LayerInfo& info : checkpoint_->layers()) layers_[tree.layer(info.fqn)].type = info.type;
    const std::vector<TensorInfo>& tensors = checkpoint_->tensors();
    layer_of_.reserve(tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
        // What the file says of its modules is kept; else a prepared tensor and its mask belong to the layer itself.
        const size_t named = checkpoint_->mask_of(i).value_or(i);
        const std::string name = checkpoint_->layers().empty() ? checkpoint_->plain_name(named) : tensors[i].name;
        const size_t holder = tree.layer(layer_part(name));
        layer_of_.push_back(holder);
        layers_[holder].tensors.push_back(i);
        if (is_parameter(tensors[i])) layers_[holder].parameters += tensors[i].elements();
        if (prunable_by_default(tensors[i])) prunable_ += tensors[i].elements();
    }
    // Parents come before their children, so one pass from the end sums up the tree.
    for (size_t i = layers_.size(); i-- > 1;) layers_[layers_[i].parent].parameters += layers_[i].parameters;
    for (Layer& layer : layers_) {
        if (!layer.type.empty()) continue;
        std::vector<const TensorInfo*> own;
        for (const size_t index : layer.tensors) own.push_back(&tensors[index]);
        layer.type = guess_layer_type(layer.name, own);
        layer.type_guessed = !layer.type.empty();
    }
}

std::string why_not_prunable(const TensorInfo& tensor) {
    if (!is_floating(tensor.dtype)) return "is " + std::string(dtype_name(tensor.dtype)) + ", not floating";
    if (tensor.elements() == 0) return "has no elements";
    return "";
}

bool prunable_by_default(const TensorInfo& tensor) {
    return why_not_prunable(tensor).empty() && tensor.shape.size() >= 2 && tensor.role != TensorRole::buffer &&
           !in_training_state(tensor.name);
}

}  // namespace lacuna
