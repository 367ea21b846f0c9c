#include "engine/session/document_state.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/formats/saved_mask.h"
#include "engine/session/document_edit.h"
#include "engine/session/document_schedule.h"
#include "engine/session/recipe_run.h"
#include "engine/session/saved_schedulers.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

const Sparsifier& rule_for(const SavedGroup& group, const TensorState& now, const TensorInfo& info) {
    const Sparsifier* rule = saved_sparsifier(group);
    if (!rule) rule = now.sparsifier;
    if (!rule)
        throw Error(ErrorKind::argument, group.tensor_fqn, "the state does not say which sparsifier it is of",
                    "choose one for this tensor first");
    if (const std::string reason = rule->why_not(info.shape, info.dtype); !reason.empty())
        throw Error(ErrorKind::argument, group.tensor_fqn, "cannot be pruned: " + reason, "give this model's state");
    return *rule;
}

void take(TensorState& state, const SavedGroup& group, const TensorInfo& info) {
    const int64_t elements = info.elements();
    if (group.mask)  // not the one in the model's file
        state.stepped = group.mask->pruned() > 0 ? in_tensor_shape(group.mask, info.shape) : nullptr;
    state.shown = state.stepped;
    state.kept = state.shown ? state.shown->kept() : elements;
    outdate(state, elements);
}

/// The epochs that the schedulers have come to are the steps taken; who planned how many nobody saved.
ScheduleState schedule_of(const SavedSchedulers& saved, const Document& document, int steps) {
    ScheduleState schedule;
    for (const SchedulerState& one : saved.states) schedule.rules.push_back(&lacuna::schedule(one.schedule));
    schedule.steps = std::max(document.schedule ? document.schedule->steps : first_steps, steps);
    return schedule;
}

}  // namespace

DocumentPtr with_state(const Document& document, const SparsifierState& state) {
    const Checkpoint& checkpoint = document.model->checkpoint();
    const std::vector<size_t> tensors = saved_tensors(state, checkpoint);
    const SavedSchedulers schedulers = saved_schedulers(state, checkpoint);
    auto next = std::make_shared<Document>(begun_anew(document));
    next->ties = document.ties;
    if (!schedulers.states.empty()) {
        const int64_t steps = schedulers.states[0].last_epoch;
        if (steps < 0 || steps > most_steps)
            throw Error(ErrorKind::format, state.source, "its scheduler is at epoch " + std::to_string(steps),
                        "save the scheduler's state again");
        next->steps = int(steps);
        next->history.resize(size_t(steps));
        next->schedule = schedule_of(schedulers, document, int(steps));
    }
    for (size_t i = 0; i < tensors.size(); ++i) {
        const SavedGroup& group = state.groups[i];
        const TensorInfo& info = document.info(tensors[i]);
        auto taken = std::make_shared<TensorState>(*next->tensors[tensors[i]]);
        taken->sparsifier = &rule_for(group, *document.tensors[tensors[i]], info);
        taken->options = saved_options(group, *taken->sparsifier, state.source);
        for (const SchedulerState& one : schedulers.states) taken->schedule.push_back(one.groups[i].options);
        if (!schedulers.states.empty() && schedulers.states[0].groups[i].base)
            taken->options.set(sparsity_level_option, *schedulers.states[0].groups[i].base);
        take(*taken, group, info);
        next->tensors[tensors[i]] = std::move(taken);
    }
    reschedule(*next);
    return next;
}

SparsifierState state_of(const Document& document) {
    const auto groups = groups_of(document.tensors);
    if (groups.empty())
        throw Error(ErrorKind::state, "", "there is nothing to save", "choose a sparsifier for at least one layer");
    std::vector<Target> targets;
    for (size_t group = 0; group < groups.size(); ++group)
        for (const size_t tensor : groups[group]) {
            const TensorState& state = *document.tensors[tensor];
            targets.push_back({tensor, state.sparsifier, state.sparsifier->complete(state.options), group});
        }
    std::sort(targets.begin(), targets.end(), [](const Target& a, const Target& b) { return a.tensor < b.tensor; });
    Recipe recipe = recipe_of(document);
    recipe.steps = document.steps;
    LevelsByStep levels(targets, recipe);
    Pruning pruning(document.model->checkpoint_ptr(), targets, document.ties);
    MaskSet masks;
    for (const Target& target : targets) {
        const TensorInfo& info = document.info(target.tensor);
        const MaskPtr& mask = document.tensors[target.tensor]->stepped;
        masks.emplace(info.name, mask ? mask : std::make_shared<const Mask>(Mask::ones(info.shape)));
    }
    pruning.set_masks(masks);
    return state_after(pruning, levels);
}

}  // namespace lacuna
