#include "engine/session/document_schedule.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "engine/base/error.h"
#include "engine/session/document_edit.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

const ScheduleState& schedule_of(const Document& document) {
    if (document.schedule) return *document.schedule;
    throw Error(ErrorKind::state, "schedule", "there is none", "choose a scheduler first");
}

/// The level at `epoch`. The whole curve is computed, so that no edit makes one that breaks off later.
std::optional<double> level_at(const ScheduleState& schedule, const TensorState& state, int64_t epoch) {
    const auto base = own_level(state);
    if (!base) return std::nullopt;
    return schedule_curve(links_of(schedule, state), *base, schedule.steps)[size_t(epoch)];
}

/// A copy in which every tensor's schedule options are what `options` makes of them.
std::shared_ptr<Document> with_all(const Document& document,
                                   const std::function<std::vector<Options>(const TensorState&)>& options) {
    auto next = std::make_shared<Document>(document);
    for (TensorStatePtr& state : next->tensors) {
        auto changed = std::make_shared<TensorState>(*state);
        changed->schedule = options(*state);
        state = std::move(changed);
    }
    return next;
}

/// For each of the new schedulers the old one that it is, in order; nothing for one that was not there.
std::vector<std::optional<size_t>> kept(const std::vector<const Schedule*>& before,
                                        const std::vector<const Schedule*>& after) {
    std::vector<std::optional<size_t>> places;
    size_t next = 0;
    for (const Schedule* rule : after) {
        const auto found = std::find(before.begin() + std::ptrdiff_t(next), before.end(), rule);
        const bool there = found != before.end();
        places.push_back(there ? std::optional(size_t(found - before.begin())) : std::nullopt);
        if (there) next = *places.back() + 1;
    }
    return places;
}

}  // namespace

const Options& schedule_options(const TensorState& state, size_t scheduler) {
    static const Options none;
    return scheduler < state.schedule.size() ? state.schedule[scheduler] : none;
}

std::vector<ScheduleLink> links_of(const ScheduleState& schedule, const TensorState& state) {
    std::vector<ScheduleLink> links;
    for (size_t i = 0; i < schedule.rules.size(); ++i)
        links.push_back({schedule.rules[i], schedule.rules[i]->complete(schedule_options(state, i))});
    return links;
}

std::optional<double> own_level(const TensorState& state) {
    if (!state.sparsifier || !state.sparsifier->find_option(sparsity_level_option)) return std::nullopt;
    try {
        return state.sparsifier->number(state.sparsifier->complete(state.options), sparsity_level_option);
    } catch (const Error&) {
        return std::nullopt;
    }
}

Options next_options(const TensorState& state) {
    Options options = state.sparsifier->complete(state.options);
    if (state.scheduled) state.sparsifier->set_number(options, sparsity_level_option, *state.scheduled);
    return options;
}

void reschedule(Document& document) {
    const int64_t epoch = document.schedule ? std::min(document.steps, document.schedule->steps - 1) : 0;
    const std::vector<TensorStatePtr> before = document.tensors;
    const TensorState* last = nullptr;
    std::optional<double> level;
    for (size_t i = 0; i < document.tensors.size(); ++i) {
        const TensorStatePtr& state = document.tensors[i];
        // Most neighbours have equal options.
        const bool same = last && last->sparsifier == state->sparsifier && last->options == state->options &&
                          last->schedule == state->schedule;
        if (!same) level = document.schedule ? level_at(*document.schedule, *state, epoch) : std::nullopt;
        last = state.get();
        if (level == state->scheduled) continue;
        auto moved = std::make_shared<TensorState>(*state);
        moved->scheduled = level;
        outdate(*moved, document.info(i).elements());
        document.tensors[i] = std::move(moved);
        last = document.tensors[i].get();
    }
    outdate_units(before, document);
}

DocumentPtr with_schedule(const Document& document, const std::vector<std::string>& names) {
    const auto has_level = [](const TensorStatePtr& state) { return own_level(*state).has_value(); };
    if (!names.empty() && std::none_of(document.tensors.begin(), document.tensors.end(), has_level))
        throw Error(ErrorKind::state, "", "no layer has a sparsifier with a sparsity level that could move",
                    "choose one first, such as weight norm");
    std::vector<const Schedule*> rules;
    for (const std::string& name : names) rules.push_back(&schedule(name));
    const int planned = document.schedule ? document.schedule->steps : std::max(first_steps, document.steps);
    const auto old = kept(document.schedule ? document.schedule->rules : std::vector<const Schedule*>(), rules);
    auto next = with_all(document, [&](const TensorState& state) {
        std::vector<Options> options;
        for (size_t i = 0; i < rules.size(); ++i)
            options.push_back(old[i] ? schedule_options(state, *old[i])
                                     : rules[i]->fitted(i == 0 ? Options() : rules[i]->behind_another(), planned));
        return options;
    });
    next->schedule = rules.empty() ? std::nullopt : std::optional(ScheduleState{std::move(rules), planned});
    reschedule(*next);
    return next;
}

DocumentPtr with_steps(const Document& document, int steps) {
    schedule_of(document);
    if (steps < std::max(1, document.steps) || steps > most_steps)
        throw Error(ErrorKind::argument, "steps",
                    std::to_string(steps) + " is not between " + std::to_string(std::max(1, document.steps)) + " and " +
                        std::to_string(most_steps),
                    document.steps > 0 ? "start over to plan fewer steps than were taken" : "give another number");
    auto next = std::make_shared<Document>(document);
    next->schedule->steps = steps;
    reschedule(*next);
    return next;
}

DocumentPtr with_fitted_schedule(const Document& document) {
    const ScheduleState& now = schedule_of(document);
    auto next = with_all(document, [&](const TensorState& state) {
        std::vector<Options> options;
        for (size_t i = 0; i < now.rules.size(); ++i)
            options.push_back(now.rules[i]->fitted(schedule_options(state, i), now.steps));
        return options;
    });
    reschedule(*next);
    return next;
}

EditResult with_schedule_option(const Document& document, const std::vector<size_t>& tensors, size_t scheduler,
                                const std::string& option, const std::optional<OptionValue>& value) {
    const std::vector<const Schedule*>& rules = schedule_of(document).rules;
    if (scheduler >= rules.size())
        throw Error(ErrorKind::argument, "schedule", "has no scheduler " + std::to_string(scheduler + 1),
                    "add one first");
    const Schedule& rule = *rules[scheduler];
    Options one;
    if (value) one.set(option, *value);
    const Options checked = rule.complete(one);
    return edited(document, tensors, [&](size_t, TensorState& state) -> std::string {
        state.schedule.resize(rules.size());
        if (value) {
            state.schedule[scheduler].set(option, checked.values().find(option)->second);
        } else {
            state.schedule[scheduler].erase(option);
        }
        return {};
    });
}

std::vector<std::vector<size_t>> groups_of(const std::vector<TensorStatePtr>& tensors) {
    using Key = std::tuple<const Sparsifier*, const Options&, const std::vector<Options>&>;
    std::vector<std::vector<size_t>> groups;
    std::map<Key, size_t> places;
    for (size_t i = 0; i < tensors.size(); ++i) {
        const TensorState& state = *tensors[i];
        if (!state.sparsifier) continue;
        const Key key(state.sparsifier, state.options, state.schedule);
        const auto [place, added] = places.emplace(key, groups.size());
        if (added) groups.emplace_back();
        groups[place->second].push_back(i);
    }
    return groups;
}

}  // namespace lacuna
