#include "engine/session/recipe_run.h"

#include <deque>
#include <map>
#include <tuple>

#include "engine/schedulers/scheduler.h"
#include "engine/session/recipe_error.h"
#include "engine/sparsifiers/sparsity_level.h"

namespace lacuna {
namespace {

std::optional<double> level_of(const Target& target) {
    return target.sparsifier->number(target.options, sparsity_level_option);
}

/// The sparsity levels of targets that stand for all on their curve, for a scheduler.
class ScheduledLevels final : public Scheduled {
  public:
    void add(const Target& target) {
        targets_.push_back(target);
        levels_.push_back(level_of(target));
    }

    const std::string& option() const override { return sparsity_level_option; }
    size_t groups() const override { return targets_.size(); }
    std::string group_name(size_t group) const override { return std::to_string(group); }
    std::optional<double> value(size_t group) const override { return levels_[group]; }
    void set_values(std::span<const std::optional<double>> values) override {
        for (size_t i = 0; i < values.size(); ++i)
            if (values[i]) targets_[i].sparsifier->set_number(targets_[i].options, sparsity_level_option, *values[i]);
        for (size_t i = 0; i < values.size(); ++i)
            if (values[i]) levels_[i] = values[i];
    }
    int64_t steps_taken() const override { return 0; }

    const std::vector<Target>& targets() const { return targets_; }
    const std::vector<std::optional<double>>& levels() const { return levels_; }

  private:
    std::vector<Target> targets_;
    std::vector<std::optional<double>> levels_;
};

std::vector<Target> targets_of(const Pruning& pruning) {
    std::vector<Target> targets;
    for (const Pruning::Group& group : pruning.groups()) targets.push_back(group.target);
    return targets;
}

/// Saved schedulers' states, by tensor.
class Saved {
  public:
    using Begin = std::tuple<std::optional<double>, std::optional<double>, Options>;

    Saved(const SavedSchedulers& saved, const Recipe& recipe) : saved_(saved), recipe_(recipe) {
        for (size_t i = 0; i < saved.tensors.size(); ++i) places_[saved.tensors[i]] = i;
        if (any()) check_kinds();
    }

    bool any() const { return !saved_.states.empty(); }

    /// The state of a scheduler over targets that stand for curves, under the curves' names.
    SchedulerState state(size_t scheduler, const ScheduledLevels& curves) const {
        SchedulerState state = saved_.states[scheduler];
        state.groups.clear();
        for (size_t curve = 0; curve < curves.groups(); ++curve) {
            state.groups.push_back(group(scheduler, curves.targets()[curve]));
            state.groups.back().name = curves.group_name(curve);
        }
        return state;
    }

    /// What the schedulers know of a target, to tell curves apart; nothing if they begin.
    std::vector<Begin> begins(const Target& target) const {
        std::vector<Begin> all;
        for (size_t i = 0; i < saved_.states.size(); ++i) {
            const SchedulerState::Group one = group(i, target);
            all.emplace_back(one.base, one.last, one.options);
        }
        return all;
    }

  private:
    /// With the options that the recipe gives over the saved ones.
    SchedulerState::Group group(size_t scheduler, const Target& target) const {
        const auto place = places_.find(target.tensor);
        if (place == places_.end())
            throw Error(ErrorKind::argument, saved_.source,
                        "its schedulers know nothing of a tensor that the recipe prunes",
                        "prune the tensors that the state is of");
        SchedulerState::Group group = saved_.states[scheduler].groups.at(place->second);
        for (const auto& [name, value] : options_for(recipe_.schedules[scheduler], target.group).values())
            group.options.set(name, value);
        return group;
    }

    void check_kinds() const {
        std::string theirs, ours;
        for (const SchedulerState& one : saved_.states) theirs += (theirs.empty() ? "" : ", ") + one.schedule;
        for (const RecipeSchedule& one : recipe_.schedules) ours += (ours.empty() ? "" : ", ") + one.scheduler;
        if (theirs != ours)
            throw Error(ErrorKind::argument, saved_.source,
                        "its schedulers are " + theirs + ", the recipe's are " + ours,
                        "give the recipe that the state was saved under, or leave its schedule out");
    }

    const SavedSchedulers& saved_;
    const Recipe& recipe_;
    std::unordered_map<size_t, size_t> places_;  // of groups, by tensor
};

}  // namespace

struct LevelsByStep::Chain {
    std::vector<size_t> curves;                   // of the targets
    std::unordered_map<size_t, size_t> curve_of;  // by tensor
    ScheduledLevels levels;
    std::deque<Scheduler> schedulers;
    std::string source;
    std::vector<RecipePlace> places;  // of the schedulers

    void add(std::span<const Target> targets, const Saved& saved) {
        std::map<std::tuple<size_t, std::optional<double>, std::vector<Saved::Begin>>, size_t> known;
        for (const Target& target : targets) {
            const auto key = std::tuple(target.group, level_of(target), saved.begins(target));
            const auto [curve, is_new] = known.emplace(key, levels.groups());
            if (is_new) levels.add(target);
            curve_of[target.tensor] = curve->second;
            curves.push_back(curve->second);
        }
    }

    void start(const RecipeSchedule& one) {
        SchedulerSettings settings;
        for (const Target& target : levels.targets()) settings.options.push_back(options_for(one, target.group));
        schedulers.emplace_back(levels, schedule(one.scheduler), std::move(settings));
    }

    /// Does something with each scheduler in turn; its errors name the scheduler's place.
    template <class Act>
    void each(Act&& act) {
        for (size_t i = 0; i < places.size(); ++i) {
            try {
                act(i);
            } catch (const Error& error) {
                recipe_error(source, places[i], "schedule", error.problem(), error.hint());
            }
        }
    }

    void step() {
        each([this](size_t i) { schedulers[i].step(); });
    }
};

LevelsByStep::LevelsByStep(std::span<const Target> targets, const Recipe& recipe, const SavedSchedulers& saved) {
    if (recipe.schedules.empty()) return;
    const Saved before(saved, recipe);
    chain_ = std::make_unique<Chain>();
    chain_->source = recipe.source;
    for (const RecipeSchedule& one : recipe.schedules) chain_->places.push_back(one.place);
    chain_->add(targets, before);
    chain_->each([&](size_t i) { chain_->start(recipe.schedules[i]); });
    if (before.any())
        chain_->each([&](size_t i) { chain_->schedulers[i].load_state(before.state(i, chain_->levels)); });
    for (int step = 0; step < recipe.steps; ++step) {
        if (step > 0) chain_->step();
        steps_.push_back(chain_->levels.levels());
    }
}

LevelsByStep::~LevelsByStep() = default;
LevelsByStep::LevelsByStep(LevelsByStep&&) noexcept = default;

std::optional<double> LevelsByStep::at(int step, size_t tensor) const {
    if (!chain_) return std::nullopt;
    return steps_[size_t(step)][curve(tensor)];
}

size_t LevelsByStep::curve(size_t tensor) const {
    return chain_ ? chain_->curve_of.at(tensor) : 0;
}

std::vector<SchedulerState> LevelsByStep::finish(std::span<const std::string> names) {
    std::vector<SchedulerState> states;
    if (!chain_) return states;
    if (!steps_.empty()) chain_->step();
    for (const Scheduler& scheduler : chain_->schedulers) {
        SchedulerState by_curve = scheduler.state(), state = by_curve;
        std::unordered_map<std::string, const SchedulerState::Group*> groups;
        for (const SchedulerState::Group& group : by_curve.groups) groups[group.name] = &group;
        state.groups.clear();
        for (size_t i = 0; i < names.size(); ++i) {
            state.groups.push_back(*groups.at(std::to_string(chain_->curves.at(i))));
            state.groups.back().name = names[i];
        }
        states.push_back(std::move(state));
    }
    return states;
}

void take_steps(Pruning& pruning, int steps, const LevelsByStep& levels, Progress& progress,
                const std::function<void()>& stepped) {
    std::vector<std::optional<double>> by_tensor(pruning.groups().size());
    for (int step = 0; step < steps; ++step) {
        if (levels.scheduled()) {
            for (size_t i = 0; i < by_tensor.size(); ++i)
                by_tensor[i] = levels.at(step, pruning.groups()[i].target.tensor);
            pruning.set_option(sparsity_level_option, by_tensor);
        }
        pruning.step(progress);
        if (stepped) stepped();
    }
}

void take_steps(Pruning& pruning, const Recipe& recipe, Progress& progress, const std::function<void()>& stepped) {
    take_steps(pruning, recipe.steps, LevelsByStep(targets_of(pruning), recipe), progress, stepped);
}

}  // namespace lacuna
