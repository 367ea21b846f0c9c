#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/model/checkpoint.h"

namespace lacuna {

/// A layer of the tree: a module by its FQN, the tensors that it holds itself, and its children.
struct Layer {
    std::string name;  ///< last part of the FQN; "" for the root
    std::string fqn;
    std::string type;  ///< the file's class name, or one told from tensor names and shapes ("Linear"); may be empty
    bool type_guessed = false;     ///< true where the file did not say
    std::vector<size_t> tensors;   ///< indices into Checkpoint::tensors()
    std::vector<size_t> children;  ///< indices into Model::layers()
    size_t parent = 0;             ///< the root is its own parent
    int64_t parameters = 0;        ///< of the layer and everything below it
};

/// A checkpoint seen as a tree of layers, in the file's order. Immutable.
class Model {
  public:
    explicit Model(CheckpointPtr checkpoint);

    const Checkpoint& checkpoint() const { return *checkpoint_; }
    const CheckpointPtr& checkpoint_ptr() const { return checkpoint_; }
    const std::vector<Layer>& layers() const { return layers_; }  ///< layers()[0] is the root
    /// Elements of the tensors that `layers: "*"` takes.
    int64_t prunable() const { return prunable_; }
    /// The layer that holds tensor `index`.
    const Layer& layer_of(size_t index) const { return layers_[layer_of_[index]]; }

  private:
    CheckpointPtr checkpoint_;
    std::vector<Layer> layers_;
    std::vector<size_t> layer_of_;
    int64_t prunable_ = 0;
};

using ModelPtr = std::shared_ptr<const Model>;

/// Whether `layers: "*"` takes this tensor: floating, two or more dimensions, no TorchScript buffer, nothing under a
/// key that begins with "optimizer". What it does not take can still be named outright if it is floating.
bool prunable_by_default(const TensorInfo& tensor);
/// Empty if the tensor can be pruned when named outright, else the reason in words ("is I64, not floating").
std::string why_not_prunable(const TensorInfo& tensor);

}  // namespace lacuna
