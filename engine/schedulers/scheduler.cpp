#include "engine/schedulers/scheduler.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/base/error.h"

namespace lacuna {
namespace {

/// One set of options for each of `count` groups.
std::vector<Options> spread(const Schedule& schedule, const std::vector<Options>& given, size_t count) {
    if (given.size() <= 1)
        return std::vector<Options>(count, schedule.complete(given.empty() ? Options() : given.front()));
    if (given.size() != count)
        throw Error(ErrorKind::argument, "scheduler " + std::string(schedule.name()),
                    std::to_string(given.size()) + " sets of options for " + std::to_string(count) + " groups",
                    "give one for all groups, or one for each");
    std::vector<Options> all;
    for (const Options& options : given) all.push_back(schedule.complete(options));
    return all;
}

/// A count of epochs or steps that can go on being counted.
void check_count(const std::string& where, const std::string& what, int64_t count) {
    constexpr int64_t most = int64_t(1) << 53;
    if (count < -1 || count > most)
        throw Error(ErrorKind::argument, where, what + " " + std::to_string(count) + " is no count of steps",
                    "save the scheduler's state again");
}

std::string sentence(const std::string& option, const std::string& group, double value, std::optional<int64_t> epoch) {
    char number[32], prefix[32] = "";
    std::snprintf(number, sizeof number, "%.4e", value);
    if (epoch) std::snprintf(prefix, sizeof prefix, "Epoch %5lld: ", static_cast<long long>(*epoch));
    return prefix + option + " of " + group + " is now " + number;
}

}  // namespace

Scheduler::Scheduler(Scheduled& driven, SchedulePtr schedule, SchedulerSettings settings)
    : driven_(driven),
      schedule_(std::move(schedule)),
      verbose_(settings.verbose),
      notice_(std::move(settings.notice)),
      last_epoch_(settings.last_epoch),
      steps_at_start_(driven.steps_taken()) {
    const size_t count = driven_.groups();
    check_count("scheduler " + std::string(schedule_->name()), "last_epoch", last_epoch_);
    schedule_->check_groups(count);
    std::vector<Options> options = spread(*schedule_, settings.options, count);
    for (size_t i = 0; i < count; ++i) {
        const std::optional<double> value = driven_.value(i);
        groups_[driven_.group_name(i)] = {value, value, std::move(options[i])};
    }
    unknown_.options = schedule_->complete({});
    if (count > 0 && std::none_of(groups_.begin(), groups_.end(), [](const auto& one) { return one.second.base; }))
        throw Error(ErrorKind::argument, "scheduler " + std::string(schedule_->name()),
                    "none of the sparsifiers has the option " + driven_.option(),
                    "schedule an option that they have, or choose other sparsifiers");
    step();
}

Scheduler::Scheduler(Scheduled& driven, const Schedule& schedule, SchedulerSettings settings)
    : Scheduler(driven, SchedulePtr(SchedulePtr(), &schedule), std::move(settings)) {}

void Scheduler::step(std::optional<int64_t> epoch) {
    warn_if_too_early();
    const auto values = values_at(last_epoch_ + 1);
    driven_.set_values(values);
    ++last_epoch_;
    ++step_count_;
    for (size_t i = 0; i < driven_.groups(); ++i)
        if (const auto found = groups_.find(driven_.group_name(i)); found != groups_.end())
            found->second.last = driven_.value(i);
    driven_.enable_mask_update();
    tell_adjusted(values, epoch);
}

void Scheduler::warn_if_too_early() {
    if (step_count_ != 1 || !notice_ || driven_.steps_taken() > steps_at_start_) return;
    SchedulerNotice notice;
    notice.kind = SchedulerNotice::Kind::stepped_too_early;
    notice.text = "the scheduler was stepped before any mask update: the first epoch's values were never used";
    notice_(notice);
}

const Scheduler::Group& Scheduler::group(const std::string& name) const {
    const auto found = groups_.find(name);
    return found == groups_.end() ? unknown_ : found->second;
}

std::vector<std::optional<double>> Scheduler::values_at(int64_t epoch) const {
    std::vector<std::optional<double>> values(driven_.groups());
    for (size_t i = 0; i < values.size(); ++i) {
        const std::string name = driven_.group_name(i);
        const Group& known = group(name);
        values[i] = schedule_->value({i, name, known.base, driven_.value(i), epoch, &known.options});
        if (values[i] && !std::isfinite(*values[i]))
            throw Error(ErrorKind::argument, name,
                        "the schedule gave no finite " + driven_.option() + " for epoch " + std::to_string(epoch),
                        "make the schedule give a number for every epoch");
    }
    return values;
}

void Scheduler::tell_adjusted(std::span<const std::optional<double>> values, std::optional<int64_t> epoch) const {
    if (!verbose_ || !notice_) return;
    for (size_t i = 0; i < values.size(); ++i) {
        if (!values[i]) continue;
        SchedulerNotice notice;
        notice.group = driven_.group_name(i);
        notice.value = *values[i];
        notice.epoch = epoch;
        notice.text = sentence(driven_.option(), notice.group, notice.value, epoch);
        notice_(notice);
    }
}

std::vector<std::optional<double>> Scheduler::base_values() const {
    std::vector<std::optional<double>> values;
    for (size_t i = 0; i < driven_.groups(); ++i) values.push_back(group(driven_.group_name(i)).base);
    return values;
}

std::vector<std::optional<double>> Scheduler::last_values() const {
    std::vector<std::optional<double>> values;
    for (size_t i = 0; i < driven_.groups(); ++i) values.push_back(group(driven_.group_name(i)).last);
    return values;
}

SchedulerState Scheduler::state() const {
    SchedulerState state{std::string(schedule_->name()), last_epoch_, step_count_, {}};
    for (const auto& [name, group] : groups_) state.groups.push_back({name, group.base, group.last, group.options});
    return state;
}

void Scheduler::load_state(const SchedulerState& state) {
    const std::string where = "scheduler " + std::string(schedule_->name());
    if (state.schedule != schedule_->name())
        throw Error(ErrorKind::argument, where, "the state is of scheduler " + state.schedule,
                    "load it into a scheduler of that kind");
    check_count(where, "last_epoch", state.last_epoch);
    check_count(where, "step_count", state.step_count);
    std::map<std::string, size_t, std::less<>> places;
    for (size_t i = 0; i < driven_.groups(); ++i) places[driven_.group_name(i)] = i;
    Groups groups = groups_;
    std::vector<std::optional<double>> values(places.size());
    for (const auto& saved : state.groups) {
        const auto place = places.find(saved.name);
        if (place == places.end())
            throw Error(ErrorKind::argument, where, "the state has a group " + saved.name + " that is not here",
                        "restore the groups before their scheduler");
        groups[saved.name] = {saved.base, saved.last, schedule_->complete(saved.options)};
        values[place->second] = saved.last;
    }
    driven_.set_values(values);
    groups_ = std::move(groups);
    last_epoch_ = state.last_epoch;
    step_count_ = state.step_count;
}

}  // namespace lacuna
