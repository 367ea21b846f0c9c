#pragma once

#include <memory>
#include <optional>
#include <unordered_map>

#include "engine/formats/mask_source.h"
#include "engine/session/joint_units.h"
#include "engine/session/pruning.h"
#include "engine/session/recipe_run.h"

namespace lacuna {

/// A recipe's pruning whose masks are computed when an export asks for them, all steps at once, and never held: a
/// checkpoint may be larger than memory, and is read once. Where a rule spans tensors one more pass comes first, which
/// finds the cut that they share. Masks are taken from a Pruning and held at a bit a weight only where they depend on
/// what neither the tensor nor such a cut says: those of tensors that share storage, and of rules that span tensors
/// where `ties` is aten, a level falls from one step to the next or a file's own masks are gone on from. The same masks
/// either way.
class StreamedPruning final : public MaskSource {
  public:
    enum class Hold { what_must_be, everything };

    /// `targets` come from `resolve(recipe, …)`. `progress` is asked for cancellation while masks are computed; it must
    /// outlive this. Throws as LevelsByStep and Pruning do.
    StreamedPruning(CheckpointPtr checkpoint, std::vector<Target> targets, const Recipe& recipe,
                    const Progress& progress, Hold hold = Hold::what_must_be, const SavedSchedulers& saved = {});

    /// Where rules that can use it compute, as in Pruning.
    void compute_on(BlockDevice* device);
    /// What a calibration saw, as in Pruning; before the steps.
    void set_activations(const ActivationSet& activations);
    /// Takes the steps of the masks that are held, and finds the cuts of the others that tensors share.
    void take_steps(Progress& progress);
    const std::vector<Target>& targets() const { return targets_; }
    /// The part whose masks are held, which may be empty.
    Pruning& held() { return *held_; }
    const Pruning& held() const { return *held_; }
    /// What the schedulers set; for a state that is to be saved (saved_schedulers.h).
    LevelsByStep& levels() { return levels_; }
    /// The contract's report of an export: zeros as they were found in the written file.
    Report report(const ExportProof& proof, double seconds) const;

    const std::vector<size_t>& masked() const override { return masked_; }
    std::vector<MaskPtr> masks(std::span<const size_t> tensors) override;

  private:
    /// A tensor in a unit with a cut.
    struct Member {
        size_t unit = 0, place = 0;
    };

    MaskPtr compute(const Target& target) const;
    MaskRequest request(const Target& target, const Options& options) const;
    MaskRequest joint_request(const JointUnit& unit, size_t place) const;
    std::unique_ptr<JointCut> find_cut(const JointUnit& unit, Progress& progress) const;

    CheckpointPtr checkpoint_;
    std::vector<Target> targets_;
    const Progress& progress_;
    BlockDevice* device_ = nullptr;
    ActivationSet activations_;
    int steps_;
    Ties ties_;
    LevelsByStep levels_;
    std::vector<size_t> masked_;
    std::vector<JointUnit> units_;
    std::vector<std::unique_ptr<JointCut>> cuts_;         // of the units
    std::unordered_map<size_t, Member> members_;          // by tensor
    std::unordered_map<size_t, const Target*> streamed_;  // by tensor; members are among them
    std::optional<Pruning> held_;
    MaskSet held_masks_;
};

}  // namespace lacuna
