#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sparsifiers/options.h"
#include "engine/torch/observe_modules.h"

namespace lacuna {

/// How one layer's input is gathered and masked: mask = mask_fn(reduce_fn(aggregate_fn over batches), sparse_config).
/// What is left empty is the sparsifier's default; sparse_config is laid over the default's.
struct ActivationConfig {
    /// (gathered so far, next input) → gathered. The first input is taken as it is.
    std::function<at::Tensor(const at::Tensor& gathered, const at::Tensor& input)> aggregate_fn;
    std::function<at::Tensor(const at::Tensor& gathered)> reduce_fn;
    /// The result is multiplied with the layer's input, to which it must broadcast.
    std::function<at::Tensor(const at::Tensor& reduced, const Options& sparse_config)> mask_fn;
    /// Entries of one or more indices along `feature_dim`; each has data and a mask of its own, and the rest of the
    /// input passes as it is. Nothing: the input as a whole.
    std::optional<std::vector<std::vector<int64_t>>> features;
    std::optional<int64_t> feature_dim;  ///< may count from the end (-1)
    Options sparse_config;
};

enum class ActivationHook {
    none,       ///< the layer runs as it is
    aggregate,  ///< its input is gathered
    sparsify,   ///< its input is multiplied with the mask
};

/// A registered layer.
struct ActivationLayer {
    std::string name;         ///< its FQN
    ActivationConfig config;  ///< complete
    ActivationHook hook = ActivationHook::aggregate;
    /// One, or one for each entry of `features`; none before the first forward.
    std::vector<at::Tensor> masks;
    /// What was gathered since the last step: for each mask one tensor a shape of batch (a last, smaller batch is
    /// gathered apart, reduced apart, and the reduced ones are aggregated).
    std::vector<std::vector<at::Tensor>> data;
};

/// An ActivationSparsifier by value; masks are sparse (COO) tensors, nothing refers to a live model.
struct ActivationState {
    ActivationConfig defaults;
    std::vector<ActivationLayer> layers;
};

/// torch.ao.pruning's ActivationSparsifier for TorchScript models (docs/parity.md): gathers what enters chosen layers
/// while the model runs through `forward`, makes masks of it, and once squashed multiplies those inputs with them. The
/// model itself is never changed. All of a layer's other inputs pass; gradients flow through a masked input, and none
/// are kept by what is gathered. Every error is thrown before anything changes. Only `forward` is for several threads.
class ActivationSparsifier {
  public:
    explicit ActivationSparsifier(const torch::jit::Module& model, ActivationConfig defaults = {});
    ~ActivationSparsifier();
    ActivationSparsifier(ActivationSparsifier&&) noexcept;
    ActivationSparsifier& operator=(ActivationSparsifier&&) noexcept;

    /// Has a layer's input gathered from now on. A layer that is already registered starts anew. Throws Error(argument)
    /// for a layer that the model lacks or that takes nothing, a function that is neither given nor default, and
    /// features without a feature_dim or with an entry of no index.
    void register_layer(std::string_view fqn, const ActivationConfig& config = {});
    void register_layer(const torch::jit::Module& layer, const ActivationConfig& config = {});
    /// Takes the layer's hook and all that is known of it away. Throws Error(argument) if it is not registered.
    void unregister_layer(std::string_view fqn);

    /// Runs the model. Throws Error(argument) where an input or a mask does not fit its layer, LibTorch's otherwise.
    c10::IValue forward(std::vector<c10::IValue> inputs) const;
    c10::IValue forward(std::vector<c10::IValue> inputs, const HookedModule::Keywords& keywords) const;

    /// New masks for the layers that gathered something since the last step; what they gathered is dropped.
    void step();
    /// Ends the gathering; from now on inputs are masked, or pass as they are if not `attach_sparsify_hook`. Throws
    /// Error(state) if a layer has no mask to attach yet.
    void squash_mask(bool attach_sparsify_hook = true);

    /// The layer's mask, or one for each entry of its features: ones like the first input until the first step. Throws
    /// Error(argument) for a layer that is not registered, Error(state) before its first forward.
    std::vector<at::Tensor> get_mask(std::string_view fqn) const;
    std::vector<at::Tensor> get_mask(const torch::jit::Module& layer) const;
    /// By value, in the order of registration; masks are dense.
    std::vector<ActivationLayer> layers() const;

    ActivationState state_dict() const;
    /// Replaces defaults, layers, masks and hooks by `state`'s, any number of times. Throws Error(argument) naming a
    /// layer that the model lacks or whose entry is not complete.
    void load_state_dict(const ActivationState& state);

    /// The model with the masks of all squashed layers built in: plain TorchScript that anyone can run and save. It
    /// shares its weights with the model.
    torch::jit::Module masked_model() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lacuna
