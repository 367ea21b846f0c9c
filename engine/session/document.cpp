#include "engine/session/document.h"

#include <algorithm>

#include "engine/base/error.h"
#include "engine/formats/saved_mask.h"
#include "engine/session/calibration.h"
#include "engine/session/document_edit.h"
#include "engine/session/document_schedule.h"
#include "engine/session/glob.h"
#include "engine/session/mask_units.h"
#include "engine/session/recipe_run.h"
#include "engine/session/shared_masks.h"

namespace lacuna {
namespace {

std::vector<int64_t> kept_weights(const Document& document) {
    std::vector<int64_t> kept;
    for (size_t i = 0; i < document.tensors.size(); ++i) {
        const MaskPtr& mask = document.tensors[i]->stepped;
        kept.push_back(mask ? mask->kept() : document.info(i).elements());
    }
    return kept;
}

/// A scheduler as a recipe has it, with options for every group: one for all where they are equal.
RecipeSchedule recipe_schedule(const Document& document, size_t scheduler,
                               const std::vector<std::vector<size_t>>& groups) {
    const Schedule& rule = *document.schedule->rules[scheduler];
    RecipeSchedule out{std::string(rule.name()), {}, {}};
    for (const auto& group : groups) out.options.push_back(schedule_options(*document.tensors[group[0]], scheduler));
    if (std::equal(out.options.begin() + 1, out.options.end(), out.options.begin())) {
        out.options.resize(1);
    } else {
        for (Options& options : out.options) options = rule.complete(options);  // a list needs every value
    }
    return out;
}

TensorStatePtr untouched(const TensorInfo& tensor, MaskPtr saved) {
    auto state = std::make_shared<TensorState>();
    state->kept = saved ? saved->kept() : tensor.elements();
    state->saved = state->stepped = state->shown = std::move(saved);
    return state;
}

/// Why a rule cannot hold for a tensor, as what follows its name; empty if it can.
std::string why_not(const Checkpoint& checkpoint, size_t tensor, const TensorState& state, const Sparsifier& rule) {
    const TensorInfo& info = checkpoint.tensors()[tensor];
    if (const auto masked = checkpoint.mask_of(tensor)) return "is the mask of " + checkpoint.tensors()[*masked].name;
    if (std::string reason = why_not_prunable(info); !reason.empty()) return reason;
    if (std::string reason = rule.why_not(info.shape, info.dtype); !reason.empty()) return reason;
    if (state.saved) return "";
    try {
        saved_mask(checkpoint, tensor);  // nothing, or the reason why it could not be read
    } catch (const Error& error) {
        return "cannot be pruned: " + error.problem();
    }
    return "";
}

/// Gives the recipe's tensors their rules and options. Masks follow.
void prepare(Document& document, const Pruning& pruning, const Recipe& recipe) {
    for (const Pruning::Group& group : pruning.groups()) {
        auto state = std::make_shared<TensorState>(*document.tensors[group.target.tensor]);
        state->sparsifier = group.target.sparsifier;
        state->options = recipe.groups[group.target.group].options;
        document.tensors[group.target.tensor] = std::move(state);
    }
    if (recipe.schedules.empty()) return;
    std::vector<size_t> group_of(document.tensors.size());  // others get the first group's curves
    for (const Pruning::Group& group : pruning.groups()) group_of[group.target.tensor] = group.target.group;
    for (size_t i = 0; i < document.tensors.size(); ++i) {
        auto state = std::make_shared<TensorState>(*document.tensors[i]);
        for (const RecipeSchedule& one : recipe.schedules) state->schedule.push_back(options_for(one, group_of[i]));
        document.tensors[i] = std::move(state);
    }
    reschedule(document);
}

}  // namespace

EditResult edited(const Document& document, const std::vector<size_t>& tensors,
                  const std::function<std::string(size_t, TensorState&)>& edit) {
    EditResult result;
    auto next = std::make_shared<Document>(document);
    for (size_t tensor : tensors) {
        if (tensor >= document.tensors.size()) continue;
        auto state = std::make_shared<TensorState>(*document.tensors[tensor]);
        if (std::string reason = edit(tensor, *state); !reason.empty()) {
            if (result.refused++ == 0) result.reason = std::move(reason);
            continue;
        }
        next->tensors[tensor] = std::move(state);
        result.changed.push_back(tensor);
    }
    if (result.changed.empty()) return result;
    reschedule(*next);
    outdate_units(document.tensors, *next);
    result.document = std::move(next);
    return result;
}

void outdate(TensorState& state, int64_t elements) {
    state.problem.clear();
    state.computing = state.sparsifier && !state.frozen;
    if (state.computing) return;
    state.shown = state.stepped;
    state.kept = state.shown ? state.shown->kept() : elements;
}

void outdate_units(std::span<const TensorStatePtr> before, Document& document) {
    for (const size_t tensor : outdated_mates(before, document.tensors)) {
        auto state = std::make_shared<TensorState>(*document.tensors[tensor]);
        outdate(*state, document.info(tensor).elements());
        document.tensors[tensor] = std::move(state);
    }
}

DocumentPtr new_document(ModelPtr model, Progress& progress) {
    auto document = std::make_shared<Document>();
    const Checkpoint& checkpoint = model->checkpoint();
    const size_t count = checkpoint.tensors().size();
    uint64_t prepared = 0;
    for (size_t i = 0; i < count; ++i) prepared += !checkpoint.saved_masks(i).empty();
    if (prepared > 0) progress.begin("Reading its masks", prepared, "tensors");
    for (size_t i = 0; i < count; ++i) {
        // Where it cannot be used, choosing a rule will say why.
        MaskPtr saved = readable_saved_mask(checkpoint, i);
        document->tensors.push_back(untouched(checkpoint.tensors()[i], std::move(saved)));
        if (!checkpoint.saved_masks(i).empty()) progress.advance();
    }
    document->model = std::move(model);
    return document;
}

Document begun_anew(const Document& document) {
    Document next;
    next.model = document.model;
    next.calibration = document.calibration;
    for (size_t i = 0; i < document.tensors.size(); ++i)
        next.tensors.push_back(untouched(document.info(i), document.tensors[i]->saved));
    return next;
}

EditResult with_sparsifier(const Document& document, const std::vector<size_t>& tensors, const std::string& name) {
    const Sparsifier* rule = name.empty() ? nullptr : &sparsifier(name);
    return edited(document, tensors, [&](size_t tensor, TensorState& state) -> std::string {
        const TensorInfo& info = document.info(tensor);
        if (rule) {
            const std::string reason = why_not(document.model->checkpoint(), tensor, state, *rule);
            if (!reason.empty()) return info.name + " " + reason;
        }
        if (state.sparsifier != rule) state.options = {};
        state.sparsifier = rule;
        outdate(state, info.elements());
        return {};
    });
}

EditResult with_option(const Document& document, const std::vector<size_t>& tensors, const std::string& option,
                       const std::optional<OptionValue>& value) {
    return edited(document, tensors, [&](size_t tensor, TensorState& state) -> std::string {
        const TensorInfo& info = document.info(tensor);
        const OptionSpec* spec = state.sparsifier ? state.sparsifier->find_option(option) : nullptr;
        if (!spec) return info.name + " has no option " + option;
        if (value) {
            state.options.set(option, checked(*spec, *value));
        } else {
            state.options.erase(option);
        }
        outdate(state, info.elements());
        return {};
    });
}

EditResult with_frozen(const Document& document, const std::vector<size_t>& tensors, bool frozen) {
    return edited(document, tensors, [&](size_t tensor, TensorState& state) -> std::string {
        if (!why_not_prunable(document.info(tensor)).empty()) return document.info(tensor).name + " cannot be pruned";
        state.frozen = frozen;
        outdate(state, document.info(tensor).elements());
        return {};
    });
}

EditResult with_masks_cleared(const Document& document, const std::vector<size_t>& tensors) {
    return edited(document, tensors, [&](size_t tensor, TensorState& state) -> std::string {
        state.stepped = nullptr;
        outdate(state, document.info(tensor).elements());
        return {};
    });
}

DocumentPtr restarted(const Document& document) {
    auto next = std::make_shared<Document>(document);
    next->steps = 0;
    next->history.clear();
    for (size_t i = 0; i < next->tensors.size(); ++i) {
        auto state = std::make_shared<TensorState>(*next->tensors[i]);
        state->stepped = state->saved;
        outdate(*state, next->info(i).elements());
        next->tensors[i] = std::move(state);
    }
    reschedule(*next);
    return next;
}

DocumentPtr with_recipe(const Document& document, const Recipe& recipe, Progress& progress) {
    const CheckpointPtr& checkpoint = document.model->checkpoint_ptr();
    const ActivationSet& seen = document.calibration->seen;
    Pruning pruning(checkpoint, resolve_seen(recipe, *checkpoint, seen), recipe.ties);
    pruning.set_activations(seen);
    auto next = std::make_shared<Document>(begun_anew(document));
    next->ties = recipe.ties;
    next->steps = recipe.steps - 1;
    if (!recipe.schedules.empty()) next->schedule = {{}, recipe.steps};
    for (const RecipeSchedule& one : recipe.schedules) next->schedule->rules.push_back(&schedule(one.scheduler));
    std::vector<Target> targets;
    for (const Pruning::Group& group : pruning.groups()) targets.push_back(group.target);
    const LevelsByStep levels(targets, recipe);
    prepare(*next, pruning, recipe);

    std::vector<MaskPtr> before_last;
    for (const Pruning::Group& group : pruning.groups())
        before_last.push_back(next->tensors[group.target.tensor]->saved);
    take_steps(pruning, recipe.steps, levels, progress, [&] {
        auto kept = kept_weights(*next);
        for (size_t i = 0; i < before_last.size(); ++i) {
            const Pruning::Group& group = pruning.groups()[i];
            kept[group.target.tensor] = group.fake_sparsity.mask->kept();
            if (pruning.steps_taken() < recipe.steps) before_last[i] = group.fake_sparsity.mask;
        }
        next->history.push_back(std::make_shared<const std::vector<int64_t>>(std::move(kept)));
    });
    const auto show = [&](auto mask_of) {
        for (size_t i = 0; i < before_last.size(); ++i) {
            TensorStatePtr& state = next->tensors[pruning.groups()[i].target.tensor];
            state = with_shown(*state, mask_of(i), false);
        }
    };
    show([&](size_t i) { return before_last[i]; });
    commit_shown(*next);
    show([&](size_t i) { return pruning.groups()[i].fake_sparsity.mask; });
    if (!is_pending(*next)) next->steps = recipe.steps;
    next->history.resize(size_t(next->steps));
    return next;
}

void commit_shown(Document& document) {
    for (TensorStatePtr& state : document.tensors) {
        if (!state->pending()) continue;
        auto committed = std::make_shared<TensorState>(*state);
        committed->stepped = committed->shown;
        state = std::move(committed);
    }
}

void count_step(Document& document) {
    document.history.push_back(std::make_shared<const std::vector<int64_t>>(kept_weights(document)));
    ++document.steps;
    if (document.schedule) document.schedule->steps = std::max(document.schedule->steps, document.steps);
    reschedule(document);
}

bool is_pending(const Document& document) {
    return std::any_of(document.tensors.begin(), document.tensors.end(),
                       [](const TensorStatePtr& state) { return state->computing || state->pending(); });
}

std::vector<MaskPtr> next_masks(const Document& document, std::span<const size_t> unit, const Progress& progress) {
    const Sparsifier& rule = *document.tensors[unit[0]]->sparsifier;
    const Options options = next_options(*document.tensors[unit[0]]);
    std::vector<MaskPtr> current;
    std::vector<MaskRequest> requests;
    for (const size_t tensor : unit) {
        const TensorInfo& info = document.info(tensor);
        rule.check(options, &info.shape);
        const MaskPtr& stepped = document.tensors[tensor]->stepped;
        current.push_back(stepped ? stepped : std::make_shared<const Mask>(Mask::ones(info.shape)));
        const auto seen = document.calibration->seen.find(info.name);
        const auto problem = document.calibration->problems.find(info.name);
        if (rule.needs_activations() && problem != document.calibration->problems.end())
            throw Error(ErrorKind::argument, info.name, problem->second);
        requests.push_back({.weight = document.model->checkpoint().view(tensor),
                            .current = current.back().get(),
                            .options = &options,
                            .ties = document.ties,
                            .name = info.name,
                            .activations = seen == document.calibration->seen.end() ? nullptr : seen->second.get(),
                            .progress = &progress});
    }
    std::vector<MaskPtr> masks;
    for (Mask& mask : rule.compute_all(requests)) masks.push_back(std::make_shared<const Mask>(std::move(mask)));
    return masks;
}

TensorStatePtr with_shown(const TensorState& state, MaskPtr shown, bool computing, std::string problem) {
    auto next = std::make_shared<TensorState>(state);
    if (shown && shown != state.stepped) {
        next->kept = shown->kept();
        const bool nothing = next->kept == shown->size() && !state.stepped;
        if (nothing) {
            shown = nullptr;
        } else if (state.stepped && *shown == *state.stepped) {
            shown = state.stepped;
        }
    } else if (shown) {
        next->kept = shown->kept();
    } else if (state.shown) {
        next->kept = state.shown->size();
    }
    next->shown = std::move(shown);
    next->computing = computing;
    next->problem = std::move(problem);
    return next;
}

MaskSet shown_masks(const Document& document) {
    MaskSet masks;
    for (size_t i = 0; i < document.tensors.size(); ++i)
        if (document.tensors[i]->shown) masks.emplace(document.info(i).name, document.tensors[i]->shown);
    return masks;
}

MaskSet export_masks(const Document& document) {
    MaskSet masks = shown_masks(document);
    for (size_t i = 0; i < document.tensors.size(); ++i) {
        const TensorState& state = *document.tensors[i];
        if (!state.saved) continue;
        const TensorInfo& info = document.info(i);
        if (!state.shown)
            masks.emplace(info.name, std::make_shared<const Mask>(Mask::ones(info.shape)));
        else if (state.shown == state.saved && !state.sparsifier)
            masks.erase(info.name);
    }
    spread_over_shared_storage(document.model->checkpoint(), masks);
    return masks;
}

int steps_shown(const Document& document) {
    return std::max(1, document.steps + (is_pending(document) ? 1 : 0));
}

Recipe recipe_of(const Document& document) {
    Recipe recipe;
    recipe.ties = document.ties;
    recipe.steps = std::max(steps_shown(document), document.schedule ? document.schedule->steps : 1);
    const auto groups = groups_of(document.tensors);
    for (const auto& tensors : groups) {
        const TensorState& first = *document.tensors[tensors[0]];
        recipe.groups.push_back({{}, {}, std::string(first.sparsifier->name()), first.options, {}, {}, {}});
        for (const size_t tensor : tensors)
            if (const std::string& name = document.info(tensor).name; !is_glob(name))
                recipe.groups.back().layers.push_back(name);
    }
    for (size_t i = 0; document.schedule && !groups.empty() && i < document.schedule->rules.size(); ++i)
        recipe.schedules.push_back(recipe_schedule(document, i, groups));
    // One rule for all that "*" takes is written as "*": the recipe then serves other checkpoints too.
    if (recipe.groups.size() == 1) {
        Recipe star = recipe;
        star.groups[0].layers = {"*"};
        const auto targets = resolve(star, document.model->checkpoint());
        const bool same =
            targets.size() == recipe.groups[0].layers.size() &&
            std::equal(targets.begin(), targets.end(), recipe.groups[0].layers.begin(),
                       [&](const Target& t, const std::string& n) { return document.info(t.tensor).name == n; });
        if (same) return star;
    }
    return recipe;
}

std::string tensors_in_words(const Document& document, const std::vector<size_t>& tensors) {
    if (tensors.size() == 1) return document.info(tensors[0]).name;
    return std::to_string(tensors.size()) + " tensors";
}

}  // namespace lacuna
