#include "engine/session/saved_schedulers.h"

#include "engine/base/error.h"
#include "engine/session/scheduler_state_file.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

constexpr const char* key = "schedulers";

}  // namespace

SavedSchedulers saved_schedulers(const SparsifierState& state, const Checkpoint& checkpoint) {
    SavedSchedulers saved;
    saved.source = state.source;
    const PlainValue* list = state.extras.find(key);
    if (!list) return saved;
    if (list->kind != PlainValue::Kind::list)
        throw Error(ErrorKind::format, state.source, "its schedulers are no list",
                    "save [scheduler.state_dict()] there");
    saved.tensors = saved_tensors(state, checkpoint);
    std::vector<std::string> names;
    for (const SavedGroup& group : state.groups) names.push_back(group.tensor_fqn);
    for (const PlainValue& one : list->items) saved.states.push_back(scheduler_state_from(one, names, state.source));
    return saved;
}

SparsifierState state_after(Pruning& pruning, LevelsByStep& levels, const SparsifierState* before) {
    std::vector<std::string> names;
    for (const Pruning::Group& group : pruning.groups()) names.push_back(group.fqn);
    const std::vector<SchedulerState> schedulers = levels.finish(names);
    if (!schedulers.empty()) {
        std::vector<std::optional<double>> next;
        for (const SchedulerState::Group& group : schedulers.back().groups) next.push_back(group.last);
        pruning.set_option(sparsity_level_option, next);
    }
    SparsifierState state = state_of(pruning, before);
    PlainValue list;
    list.kind = PlainValue::Kind::list;
    for (const SchedulerState& one : schedulers) list.items.push_back(plain_value(one));
    state.extras.erase(key);  // those of a run before are not these
    if (!list.items.empty()) state.extras.set(key, std::move(list));
    return state;
}

}  // namespace lacuna
