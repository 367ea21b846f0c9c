#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/session/session.h"

namespace lacuna {

/// What is known of the layers' inputs. Immutable once shared.
struct CalibrationState {
    ActivationSet seen;
    std::map<std::string, std::string, std::less<>> problems;  ///< why a weight could not be calibrated, by its FQN
};

/// What a person has decided and what came of it: the part of a session that undo goes back through. Immutable once
/// shared; an edit copies the list of pointers and replaces those that it changes.
struct Document {
    ModelPtr model;
    std::vector<TensorStatePtr> tensors;  ///< one for each of the checkpoint's tensors
    Ties ties = Ties::lowest;
    int steps = 0;
    std::optional<ScheduleState> schedule;
    std::vector<StepRecord> history;  ///< one for each step
    /// What a calibration saw, for rules that look at a layer's input. No decision of a person's: undo keeps it.
    std::shared_ptr<const CalibrationState> calibration = std::make_shared<const CalibrationState>();

    const TensorInfo& info(size_t tensor) const { return model->checkpoint().tensors()[tensor]; }
};
using DocumentPtr = std::shared_ptr<const Document>;

/// What became of an edit: the tensors that took it, and why the others did not.
struct EditResult {
    DocumentPtr document;  ///< null if nothing changed
    std::vector<size_t> changed;
    size_t refused = 0;
    std::string reason;  ///< of the first refusal
};

/// A document in which nothing is pruned but what the file's own masks prune, which are read here. Throws Cancelled.
DocumentPtr new_document(ModelPtr model, Progress& progress);
inline DocumentPtr new_document(ModelPtr model) {
    Progress silent;
    return new_document(std::move(model), silent);
}
/// The same for the model of `document`, whose masks were read.
Document begun_anew(const Document& document);

EditResult with_sparsifier(const Document& document, const std::vector<size_t>& tensors, const std::string& name);
EditResult with_option(const Document& document, const std::vector<size_t>& tensors, const std::string& option,
                       const std::optional<OptionValue>& value);  ///< no value: back to the default
EditResult with_frozen(const Document& document, const std::vector<size_t>& tensors, bool frozen);
EditResult with_masks_cleared(const Document& document, const std::vector<size_t>& tensors);
/// Before the first step.
DocumentPtr restarted(const Document& document);
/// What the recipe gives from the start, its steps taken as headless. The last step is left as a preview, so that its
/// levels can still be moved both ways. Throws Error(recipe) and Cancelled.
DocumentPtr with_recipe(const Document& document, const Recipe& recipe, Progress& progress);

/// Makes the shown masks the stepped ones.
void commit_shown(Document& document);
/// Counts a step that was committed: notes what it kept and moves the schedule on.
void count_step(Document& document);
/// Whether a step would change anything: a mask is shown that was not stepped, or one is still to be computed.
bool is_pending(const Document& document);

/// The masks that one more step gives the tensors of a unit (mask_units.h), in their order. Throws Error(argument) if
/// options do not fit or a calibration is missing, Cancelled once `progress` was cancelled.
std::vector<MaskPtr> next_masks(const Document& document, std::span<const size_t> unit, const Progress& progress);
/// `state` with `shown` replaced and what depends on it brought up to date. A mask that prunes nothing becomes null and
/// one that equals the stepped mask becomes that very mask, so that pointers tell whether anything is pending.
TensorStatePtr with_shown(const TensorState& state, MaskPtr shown, bool computing, std::string problem = {});
/// The masks shown, by tensor FQN.
MaskSet shown_masks(const Document& document);
/// The same as an export lays them on: tensors that share storage lose what any of them loses. Masks of the file that
/// nobody touched are left out, so that their tensors stay byte for byte.
MaskSet export_masks(const Document& document);

/// The current groups as a recipe, with all steps of its schedule. Headless its first `steps_shown` steps give the
/// shown masks if they were taken with these options.
Recipe recipe_of(const Document& document);
/// The steps taken, and the one that is previewed.
int steps_shown(const Document& document);

/// "3 layers" or the one tensor's name, for undo labels and notices.
std::string tensors_in_words(const Document& document, const std::vector<size_t>& tensors);

}  // namespace lacuna
