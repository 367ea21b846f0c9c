#include "engine/session/document.h"

#include <algorithm>
#include <functional>

#include "engine/base/error.h"
#include "engine/session/recipe_run.h"
#include "engine/session/shared_masks.h"

namespace lacuna {
namespace {

/// Applies `edit` to a copy of every named tensor's state; an edit says no by returning a reason.
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
    if (!result.changed.empty()) result.document = std::move(next);
    return result;
}

/// The mask has to be computed again, or goes back to what was stepped where no rule holds.
void outdate(TensorState& state, int64_t elements) {
    state.problem.clear();
    state.computing = state.sparsifier && !state.frozen;
    if (state.computing) return;
    state.shown = state.stepped;
    state.kept = state.shown ? state.shown->kept() : elements;
}

bool is_plain_name(const std::string& name) {
    return name.find_first_of("*?") == std::string::npos;
}

}  // namespace

DocumentPtr new_document(ModelPtr model) {
    auto document = std::make_shared<Document>();
    for (const TensorInfo& tensor : model->checkpoint().tensors()) {
        auto state = std::make_shared<TensorState>();
        state->kept = tensor.elements();
        document->tensors.push_back(std::move(state));
    }
    document->model = std::move(model);
    return document;
}

EditResult with_sparsifier(const Document& document, const std::vector<size_t>& tensors, const std::string& name) {
    const Sparsifier* rule = name.empty() ? nullptr : &sparsifier(name);
    return edited(document, tensors, [&](size_t tensor, TensorState& state) -> std::string {
        const TensorInfo& info = document.info(tensor);
        if (rule) {
            std::string reason = why_not_prunable(info);
            if (reason.empty()) reason = rule->why_not(info.shape, info.dtype);
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

DocumentPtr with_recipe(const Document& document, const Recipe& recipe, Progress& progress) {
    const CheckpointPtr& checkpoint = document.model->checkpoint_ptr();
    Pruning pruning(checkpoint, resolve(recipe, *checkpoint), recipe.ties);
    Recipe stepped = recipe;
    if (!recipe.schedule) --stepped.steps;
    take_steps(pruning, stepped, progress);

    auto next = std::make_shared<Document>(*new_document(document.model));
    next->ties = recipe.ties;
    next->schedule = recipe.schedule;
    for (const Pruning::Group& group : pruning.groups()) {
        auto state = std::make_shared<TensorState>(*next->tensors[group.target.tensor]);
        state->sparsifier = group.target.sparsifier;
        state->options = recipe.groups[group.target.group].options;
        next->tensors[group.target.tensor] = with_shown(*state, group.fake_sparsity.mask, false);
    }
    commit_shown(*next);
    if (!recipe.schedule) {  // a schedule's last level need not be the groups' own, so it leaves no preview
        pruning.step(progress);
        for (const Pruning::Group& group : pruning.groups()) {
            TensorStatePtr& state = next->tensors[group.target.tensor];
            state = with_shown(*state, group.fake_sparsity.mask, false);
        }
    }
    next->steps = is_pending(*next) ? stepped.steps : recipe.steps;
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

bool is_pending(const Document& document) {
    return std::any_of(document.tensors.begin(), document.tensors.end(),
                       [](const TensorStatePtr& state) { return state->computing || state->pending(); });
}

MaskPtr next_mask(const Document& document, size_t tensor) {
    const TensorState& state = *document.tensors[tensor];
    if (!state.sparsifier || state.frozen) return state.stepped;
    const TensorInfo& info = document.info(tensor);
    const Options options = state.sparsifier->complete(state.options);
    state.sparsifier->check(options, &info.shape);
    const Mask all = state.stepped ? Mask() : Mask::ones(info.shape);
    const Mask& current = state.stepped ? *state.stepped : all;
    MaskRequest request{document.model->checkpoint().view(tensor), &current, &options, document.ties, info.name};
    return std::make_shared<const Mask>(state.sparsifier->compute(request));
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
    spread_over_shared_storage(document.model->checkpoint(), masks);
    return masks;
}

Recipe recipe_of(const Document& document) {
    Recipe recipe;
    recipe.ties = document.ties;
    recipe.steps = std::max(1, document.steps + (is_pending(document) ? 1 : 0));
    recipe.schedule = document.schedule;
    for (size_t i = 0; i < document.tensors.size(); ++i) {
        const TensorState& state = *document.tensors[i];
        if (!state.sparsifier) continue;
        auto group = std::find_if(recipe.groups.begin(), recipe.groups.end(), [&](const RecipeGroup& other) {
            return other.sparsifier == state.sparsifier->name() && other.options == state.options;
        });
        if (group == recipe.groups.end()) {
            recipe.groups.push_back({{}, {}, std::string(state.sparsifier->name()), state.options, {}, {}});
            group = recipe.groups.end() - 1;
        }
        const std::string& name = document.info(i).name;
        if (is_plain_name(name)) group->layers.push_back(name);
    }
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
