#pragma once

#include <functional>
#include <map>

#include "engine/schedulers/schedule.h"
#include "engine/schedulers/scheduled.h"
#include "engine/schedulers/scheduler_state.h"

namespace lacuna {

/// What a scheduler has to say, for a log or a window; upstream prints it.
struct SchedulerNotice {
    enum class Kind {
        stepped_too_early,  ///< the scheduler's first own step came before any mask update
        adjusted,           ///< a group got a value; only if `verbose`
    };
    Kind kind = Kind::adjusted;
    std::string text;              ///< one sentence
    std::string group;             ///< of `adjusted`
    double value = 0;              ///< of `adjusted`
    std::optional<int64_t> epoch;  ///< as passed to `step`
};

struct SchedulerSettings {
    /// The schedule's options: none for its defaults, one for all groups, or one for each group.
    std::vector<Options> options;
    int64_t last_epoch = -1;  ///< the epoch before the first; to go on at epoch n, n − 1
    bool verbose = false;     ///< an `adjusted` notice for every group at every step
    std::function<void(const SchedulerNotice&)> notice;
};

/// Moves one option of all groups along a schedule: torch.ao.pruning's BaseScheduler and BaseDataScheduler
/// (docs/parity.md, schedulers). Several may drive the same groups; each sets its values when it is stepped. Not
/// thread-safe.
class Scheduler {
  public:
    /// Remembers the groups' values as base values, then takes the first step: epoch last_epoch + 1 holds at once.
    /// `driven` must outlive this. Throws Error(argument) if there are groups but none has the option, if options do
    /// not fit, and whatever `step` throws.
    Scheduler(Scheduled& driven, SchedulePtr schedule, SchedulerSettings settings = {});
    /// The same for a schedule that lives forever, such as those of the registry.
    Scheduler(Scheduled& driven, const Schedule& schedule, SchedulerSettings settings = {});

    /// The next epoch: sets the schedule's values and enables mask updates. `epoch` appears in notices and nowhere
    /// else. All or nothing; throws Error(argument) for a value that is not finite or that a group cannot take.
    void step(std::optional<int64_t> epoch = {});

    const Schedule& schedule() const { return *schedule_; }
    int64_t last_epoch() const { return last_epoch_; }
    int64_t step_count() const { return step_count_; }  ///< the constructor's step included
    /// By group, in the groups' order; nothing where a group has no such option.
    std::vector<std::optional<double>> base_values() const;
    /// Values after the last step.
    std::vector<std::optional<double>> last_values() const;

    SchedulerState state() const;
    /// Takes over epoch, counts, base values and options, and sets the state's last values at once (upstream's groups
    /// wait for the next step). Groups that the state does not name stay as they are. All or nothing; throws
    /// Error(argument) for the state of another schedule or of a group that is not here.
    void load_state(const SchedulerState& state);

  private:
    struct Group {
        std::optional<double> base, last;
        Options options;
    };
    using Groups = std::map<std::string, Group, std::less<>>;

    void warn_if_too_early();
    const Group& group(const std::string& name) const;
    std::vector<std::optional<double>> values_at(int64_t epoch) const;
    void tell_adjusted(std::span<const std::optional<double>> values, std::optional<int64_t> epoch) const;

    Scheduled& driven_;
    SchedulePtr schedule_;
    bool verbose_;
    std::function<void(const SchedulerNotice&)> notice_;
    Groups groups_;
    Group unknown_;  ///< for groups that came later: no base value, default options
    int64_t last_epoch_, step_count_ = 0;
    int64_t steps_at_start_;
};

}  // namespace lacuna
