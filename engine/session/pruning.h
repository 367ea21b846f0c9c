#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/progress.h"
#include "engine/formats/formats.h"
#include "engine/mask/fake_sparsity.h"
#include "engine/session/recipe.h"
#include "engine/session/report.h"

namespace lacuna {

/// Masks over a checkpoint's tensors and the rules that move them: prepare, step, squash with torch.ao.pruning's
/// meaning (docs/parity.md, base sparsifier), without LibTorch. The checkpoint is never changed. Not thread-safe.
class Pruning {
  public:
    struct Group {
        Target target;
        std::string fqn;
        FakeSparsity fake_sparsity;  ///< ones after prepare, or the mask that the file holds
    };

    /// prepare: a group for every target, of ones or of the mask that the file holds for a prepared tensor. Throws
    /// Error(argument) on two targets for one tensor, Error(format) for a saved mask that is none (saved_mask.h).
    Pruning(CheckpointPtr checkpoint, std::vector<Target> targets, Ties ties = Ties::lowest);

    const std::vector<Group>& groups() const { return groups_; }
    const Checkpoint& checkpoint() const { return *checkpoint_; }
    const CheckpointPtr& checkpoint_ptr() const { return checkpoint_; }
    /// Freezes or frees one tensor's mask updates. Throws Error(argument) for an unknown name.
    void enable_mask_update(std::string_view fqn, bool enabled);
    /// Gives tensors masks to go on from, by FQN. All or nothing: throws Error(argument) for an unknown name or a mask
    /// of another shape.
    void set_masks(const MaskSet& masks);
    /// Sets a numeric option, group by group where there is a value; it may lie past the range that recipes keep to.
    /// All or nothing: throws Error(argument) for a group without that option or a value that cannot be.
    void set_option(const std::string& option, std::span<const std::optional<double>> values);
    /// What a calibration saw, by tensor FQN, for rules that look at a layer's input; replaces what was there.
    void set_activations(ActivationSet activations) { activations_ = std::move(activations); }
    /// Where rules that can use it compute (Sparsifier::uses_device); null: on the processor. It must outlive this.
    void compute_on(BlockDevice* device) { device_ = device; }
    /// One update of all enabled masks, unit by unit (Sparsifier::spans_tensors). All or nothing: after an exception no
    /// mask has changed.
    void step(Progress& progress);
    int steps_taken() const { return steps_; }
    /// The groups in words, an option a line.
    std::string to_string() const;
    /// The masks by tensor FQN, ready for `export_checkpoint`, which squashes them into the written file. Tensors that
    /// share storage lose there what any of their masks prunes, as they will in the file.
    MaskSet masks() const;

  private:
    void compute_unit(std::span<const size_t> unit, const Progress& progress, std::vector<MaskPtr>& next) const;
    Group& group(std::string_view fqn);

    CheckpointPtr checkpoint_;
    std::vector<Group> groups_;
    ActivationSet activations_;
    BlockDevice* device_ = nullptr;
    Ties ties_;
    int steps_ = 0;
};

/// One row of a report.
struct LayerReport {
    std::string name;
    Shape shape;
    DType dtype = DType::F32;
    std::string sparsifier;
    int64_t params = 0,
            zeros = 0;  ///< zeros: weights that are zero once the mask is squashed, ±0 of the source included
    double sparsity() const { return sparsity_of(zeros, params); }
};

struct Report {
    std::vector<LayerReport> layers;  ///< pruned tensors only
    int64_t params = 0, zeros = 0;    ///< sums over `layers`
    double seconds = 0;
};

/// Counts zeros under the masks, in one pass over the pruned tensors.
Report make_report(const Pruning& pruning, double seconds, Progress& progress);
/// The contract's REPORT.
std::string to_json(const Report& report);

}  // namespace lacuna
