#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/formats/formats.h"

namespace torch::jit {
struct Module;
}

namespace lacuna {

/// Handles on a model's own parameters, then buffers, by FQN.
std::vector<std::pair<std::string, at::Tensor>> named_tensors(const torch::jit::Module& model);

/// A model's named tensors with masks laid over them in place, so that the model sees pruned weights as +0.
/// The originals are kept aside from the first mask on and come back when a mask goes. Only what changed since the last
/// call is written again, so that moving one layer's slider costs one layer's copy. Tied tensors share their storage
/// and with it every mask on it, as in an exported file.
class MaskedWeights {
  public:
    /// Tensors by FQN; each handle refers to the model's own tensor.
    explicit MaskedWeights(std::vector<std::pair<std::string, at::Tensor>> tensors);

    /// Makes exactly `masks` hold. Throws Error(argument), before anything changes, for a name that the model lacks or
    /// a mask of another shape.
    void apply(const MaskSet& masks);

  private:
    struct Weight {
        std::string fqn;
        at::Tensor live;
        size_t storage = 0;  ///< index into storages_
        MaskPtr mask;        ///< what is on it now; null: nothing
    };
    struct Storage {
        std::vector<size_t> weights;
        at::Tensor live, original;  ///< all its bytes; `original` is undefined until a mask came
    };

    void write(Storage& storage);

    std::vector<Weight> weights_;
    std::vector<Storage> storages_;
    std::map<std::string, size_t, std::less<>> by_name_;
};

}  // namespace lacuna
