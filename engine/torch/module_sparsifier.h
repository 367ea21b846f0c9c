#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mask/fake_sparsity.h"
#include "engine/sparsifiers/sparsifier.h"
#include "engine/torch/module_tree.h"

namespace lacuna {

class Calibration;
class MaskedTensor;

/// One entry of a configuration, as in torch.ao.pruning: which tensor, and what differs from the defaults.
struct SparsifyEntry {
    std::string tensor_fqn;
    const Sparsifier* sparsifier = nullptr;  ///< null: the ModuleSparsifier's
    Options options;                         ///< laid over the defaults if the sparsifier is the ModuleSparsifier's
    std::optional<std::string> module_fqn, tensor_name;  ///< where given, they must agree with `tensor_fqn`
    MaskPtr mask;                                        ///< to begin with; null: ones
};
using SparsifyConfig = std::vector<SparsifyEntry>;

/// A prepared tensor: its names, its rule, its mask.
struct SparsifyGroup {
    std::string tensor_fqn, module_fqn, tensor_name;
    const Sparsifier* sparsifier = nullptr;
    Options options;  ///< complete
    FakeSparsity fake_sparsity;
};

/// What a ModuleSparsifier knows, by value: masks are immutable and shared, nothing refers to a live model.
struct ModuleSparsifierState {
    std::vector<SparsifyGroup> groups;
    int steps = 0;
};

/// torch.ao.pruning's BaseSparsifier for live C++ and TorchScript modules (docs/parity.md): prepare, train or
/// calibrate as you like, step, squash.
///
///     ModuleSparsifier sparsifier(lacuna::sparsifier("weight_norm"), options);
///     sparsifier.prepare(*model);
///     for (...) { forward, backward, optimizer.step(); sparsifier.apply_masks(); }
///     sparsifier.step();
///     sparsifier.squash_mask();
///
/// While prepared, the module's own tensors hold masked values (MaskedTensor says how), so forward, tracing and saving
/// see pruned weights as +0; the originals are kept here and may revive at a later step. Tensors stay the same objects,
/// and masks stay with them when the module is converted or moved. What no C++ hook can see is an optimizer's momentum
/// writing to pruned weights: call `apply_masks` after each optimizer step. Every error is thrown before anything
/// changes. Destroying an unsquashed sparsifier gives the originals back. Not thread-safe.
///
/// A rule that looks at a layer's input (wanda) has it observed from prepare to squash_mask: run the model on
/// calibration data, as often as you like and whatever kind of module it is, then step. What was seen adds up over
/// steps. OperandObserver says what can be seen.
class ModuleSparsifier {
  public:
    /// `sparsifier` must outlive this object (those of the registry do). `defaults` hold where an entry does not say
    /// otherwise. Throws Error(argument) for options that `sparsifier` does not take.
    explicit ModuleSparsifier(const Sparsifier& sparsifier, Options defaults = {}, Ties ties = Ties::lowest);
    ~ModuleSparsifier();
    ModuleSparsifier(ModuleSparsifier&&) noexcept;
    ModuleSparsifier& operator=(ModuleSparsifier&&) noexcept;

    /// Puts a mask of ones on every configured tensor. No `config`: the weight of every Linear layer (its exact type,
    /// the root excluded) that nobody has masked yet; an empty one is valid and prepares nothing. Preparing again
    /// replaces what was prepared before, giving its originals back first. Throws Error(argument) naming the tensor for
    /// one that does not exist, is named twice (also under a second name), cannot be pruned, or has options or a first
    /// mask that do not fit; Error(state) for one that another ModuleSparsifier has masked.
    void prepare(const torch::nn::Module& model, const std::optional<SparsifyConfig>& config = std::nullopt);
    void prepare(const torch::jit::Module& model, const std::optional<SparsifyConfig>& config = std::nullopt);

    /// One update of every enabled mask, from the original weights. All or nothing. Throws Error(state) before prepare,
    /// after squash_mask, and naming a tensor whose rule looks at the layer's input where none came by.
    void step();
    /// Puts the masks back after an optimizer wrote to the weights. Throws Error(state) as `step` does.
    void apply_masks();
    /// Makes the masks permanent: the tensors stay masked, the originals are forgotten; groups and masks can still be
    /// read. The options named in `params_to_keep`, and for a module those in `per_layer[module FQN]`, are kept in
    /// `sparse_params`. Modules that are not prepared are passed by. Throws Error(argument) for an option that a group
    /// lacks, Error(state) before prepare and the second time.
    void squash_mask(const std::vector<std::string>& params_to_keep = {},
                     const std::map<std::string, std::vector<std::string>>& per_layer = {});
    /// What `squash_mask` was told to keep of one tensor's options; empty if nothing. Throws Error(argument) for an
    /// unknown tensor.
    const Options& sparse_params(std::string_view tensor_fqn) const;

    /// Freezes (false) or frees one tensor's mask, or all: `step` passes frozen ones by.
    void enable_mask_update(std::string_view tensor_fqn, bool enabled);
    void enable_mask_update(bool enabled);

    const std::vector<SparsifyGroup>& groups() const { return groups_; }
    /// Throws Error(argument) for a tensor that is not prepared.
    const SparsifyGroup& group(std::string_view tensor_fqn) const;
    int steps_taken() const { return steps_; }
    /// The groups in words, an option a line.
    std::string to_string() const;
    /// What entered the layer of a prepared tensor since `prepare`; null where nothing did, or its rule does not look.
    ActivationsPtr activations(std::string_view tensor_fqn) const;
    bool squashed() const { return phase_ == Phase::squashed; }
    /// The values of a prepared tensor without its mask, and giving it others (of the same shape), as loading a
    /// checkpoint into a prepared module does. Throws Error(argument), Error(state) once squashed.
    at::Tensor original(std::string_view tensor_fqn) const;
    void set_original(std::string_view tensor_fqn, const at::Tensor& values);

    ModuleSparsifierState state_dict() const { return {groups_, steps_}; }
    /// Replaces groups, masks and the step count by `state`'s on the prepared model; the state may be loaded any number
    /// of times. Tensors that the state does not name get their originals back. A tensor that the model lacks is an
    /// error if `strict`, else left out. Throws as `prepare` does.
    void load_state_dict(const ModuleSparsifierState& state, bool strict = true);

  private:
    void prepare(ModuleTree tree, const std::optional<SparsifyConfig>& config);
    SparsifyGroup make_group(const SparsifyEntry& entry, const at::Tensor& tensor) const;
    void check(const SparsifyGroup& group, const at::Tensor& tensor) const;
    void replace(std::vector<SparsifyGroup> groups, int steps);
    void observe_inputs();
    std::vector<std::vector<size_t>> units() const;
    void compute(const std::vector<size_t>& unit, std::vector<MaskPtr>& next) const;
    void need_prepared(const char* call) const;
    size_t index_of(std::string_view tensor_fqn) const;

    const Sparsifier* sparsifier_;
    Options defaults_;
    Ties ties_;
    ModuleTree tree_;
    std::vector<SparsifyGroup> groups_;
    std::vector<std::unique_ptr<MaskedTensor>> tensors_;  ///< one a group; empty before prepare and once squashed
    std::unique_ptr<Calibration> calibration_;            ///< of all groups; null if no rule looks at inputs
    std::vector<Options> kept_;                           ///< one a group once squashed
    int steps_ = 0;
    enum class Phase { fresh, prepared, squashed } phase_ = Phase::fresh;
};

}  // namespace lacuna
