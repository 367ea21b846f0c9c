#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/session/data_pruning.h"

namespace torch::nn {
class Module;
}

namespace lacuna {

/// torch.ao.pruning's data sparsifier for live tensors, parameters, and embeddings (docs/parity.md): a DataPruning that
/// holds tensors. What is changed outside shows here, in place and through `set_data` alike, and squashing writes the
/// caller's tensors. Dense tensors on the CPU, of any strides. Not thread-safe.
class DataSparsifier {
  public:
    /// As DataPruning's.
    explicit DataSparsifier(const Sparsifier& rule, const Options& defaults = {}, Ties ties = Ties::lowest,
                            DataPruning::Notice notice = {})
        : pruning_(rule, defaults, ties, std::move(notice)) {}

    /// Adds a tensor, or puts another one under a name that is there, and gives its masked values. Throws
    /// Error(argument) as DataPruning's, and for a tensor on another device or without plain storage.
    at::Tensor add_data(const std::string& name, const at::Tensor& data, DataConfig config = {});
    /// The same for an Embedding's or EmbeddingBag's weight; Error(argument) for any other layer.
    at::Tensor add_data(const std::string& name, const torch::nn::Module& layer, DataConfig config = {});

    /// `original`: the tensor itself, which Error(state) refuses once it is squashed; else a copy with the mask on it.
    at::Tensor get_data(std::string_view name, bool original = true);
    /// The mask as BOOL.
    at::Tensor get_mask(std::string_view name) const;

    /// One update of all masks, from the original values.
    void step();
    void squash_mask(const std::optional<std::vector<std::string>>& names = {}, bool leave_parametrized = true);

    /// By value: nothing in it refers to a live tensor.
    DataPruningState state_dict();
    /// As DataPruning's: tensors that were added under a name of the state stay linked and get its values.
    void load_state_dict(const DataPruningState& state, bool strict = true);

    /// Groups, options, and what a scheduler drives.
    DataPruning& pruning() { return pruning_; }
    const DataPruning& pruning() const { return pruning_; }

  private:
    void relink();
    void wrote(const std::string& name);

    DataPruning pruning_;
    std::map<std::string, at::Tensor, std::less<>> tensors_;  ///< those the caller added
};

/// A dense CPU tensor as data that may be written. Valid as long as the tensor's storage. Throws Error(argument).
DataRef data_ref(const at::Tensor& tensor);

}  // namespace lacuna
