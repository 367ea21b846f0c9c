#pragma once

#include <unordered_map>

#include "engine/formats/mask_source.h"
#include "engine/session/pruning.h"
#include "engine/session/recipe_run.h"

namespace lacuna {

/// A recipe's pruning whose masks are computed when an export asks for them, all steps at once, and never held: a
/// checkpoint is read once and may be larger than memory. Masks that depend on more than their tensor are taken from a
/// Pruning and held at a bit a weight: those of rules that span tensors or look at a layer's input, and of tensors that
/// share storage. The same masks either way.
class StreamedPruning final : public MaskSource {
  public:
    enum class Hold { what_must_be, everything };

    /// `targets` come from `resolve(recipe, …)`. `progress` is asked for cancellation while masks are computed; it must
    /// outlive this. Throws as LevelsByStep and Pruning do.
    StreamedPruning(CheckpointPtr checkpoint, std::vector<Target> targets, const Recipe& recipe,
                    const Progress& progress, Hold hold = Hold::what_must_be, const SavedSchedulers& saved = {});

    /// Where rules that can use it compute, as in Pruning.
    void compute_on(BlockDevice* device);
    /// Takes the steps of the masks that are held.
    void take_steps(Progress& progress);
    const std::vector<Target>& targets() const { return targets_; }
    /// The part whose masks are held, which may be empty: for what a rule needs before the steps.
    Pruning& held() { return held_; }
    const Pruning& held() const { return held_; }
    /// What the schedulers set; for a state that is to be saved (saved_schedulers.h).
    LevelsByStep& levels() { return levels_; }
    /// The contract's report of an export: zeros as they were found in the written file.
    Report report(const ExportProof& proof, double seconds) const;

    const std::vector<size_t>& masked() const override { return masked_; }
    std::vector<MaskPtr> masks(std::span<const size_t> tensors) override;

  private:
    MaskPtr compute(const Target& target) const;

    CheckpointPtr checkpoint_;
    std::vector<Target> targets_;
    const Progress& progress_;
    BlockDevice* device_ = nullptr;
    int steps_;
    Ties ties_;
    LevelsByStep levels_;
    std::vector<size_t> masked_;
    std::unordered_map<size_t, const Target*> streamed_;  // by tensor
    Pruning held_;
    MaskSet held_masks_;
};

}  // namespace lacuna
