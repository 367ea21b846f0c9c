#pragma once

#include <ATen/core/ivalue.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/torch/masked_tensor.h"
#include "engine/torch/module_sparsifier.h"

namespace lacuna {

/// How a StructuredPruner treats what is not a weight.
struct StructuredOptions {
    bool prune_bias = true;       ///< a pruned row loses its bias too; false: what it still gives is passed on
    bool narrow_outputs = false;  ///< pruned rows leave the model's own output; false: it keeps its shape
    bool strict = false;          ///< whether a pruned row that must stay is an error
};

/// torch.ao.pruning's BaseStructuredSparsifier for TorchScript modules (docs/parity.md): prunes whole rows, then
/// rewrites the model without them.
///
///     StructuredPruner pruner(lacuna::sparsifier("saliency"), options);
///     pruner.prepare(model);
///     pruner.step();                                      // the model runs masked; train on if you like
///     torch::jit::Module smaller = pruner.prune({input});  // the same outputs, fewer parameters
///
/// What the smaller model gives equals what the masked one gives, to 1e-5: it was run on `input` to make sure. Every
/// error is thrown before anything changes. Destroying an unpruned pruner gives weights and biases back, as they were
/// trained meanwhile. Not thread-safe.
class StructuredPruner {
  public:
    /// `sparsifier` must outlive this object and prune whole rows. Throws as ModuleSparsifier does.
    explicit StructuredPruner(const Sparsifier& sparsifier, Options defaults = {}, StructuredOptions how = {},
                              Ties ties = Ties::lowest);

    /// Masks of ones on every configured weight. No `config`: of every Linear, Conv1d, Conv2d, Conv3d and LSTM layer
    /// below the root. Throws as ModuleSparsifier::prepare does.
    void prepare(const torch::jit::Module& model, const std::optional<SparsifyConfig>& config = std::nullopt);
    /// One update of every enabled mask, and with prune_bias of the biases beside them.
    void step();
    /// Puts masks back after an optimizer wrote to weights and biases.
    void apply_masks();

    /// The smaller model; `model` itself stays masked, for good. `example` is what its forward takes. Throws
    /// Error(argument), and leaves everything as it is, where no pruned row can be taken out, or, if that is `strict`,
    /// not every one, naming what needs it; Error(state) before `prepare` and the second time.
    torch::jit::Module prune(const std::vector<c10::IValue>& example);
    /// After `prune`: pruned rows that stayed, and what needs them, a line for each tensor.
    const std::vector<std::string>& notes() const { return notes_; }

    const ModuleSparsifier& masks() const { return sparsifier_; }
    ModuleSparsifier& masks() { return sparsifier_; }

  private:
    void mask_biases();

    ModuleSparsifier sparsifier_;
    StructuredOptions how_;
    std::unique_ptr<torch::jit::Module> model_;
    std::map<std::string, std::unique_ptr<MaskedTensor>> biases_;  ///< by the FQN of the weight beside it
    std::vector<std::string> notes_;
};

}  // namespace lacuna
