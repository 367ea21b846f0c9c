#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/sparsifiers/options.h"

namespace lacuna {

/// What a schedule gets for one group at one epoch.
struct ScheduleRequest {
    size_t group = 0;                  ///< index among what is scheduled
    std::string_view name;             ///< the group's
    std::optional<double> base;        ///< the option's value when the scheduler began; nothing: it had none
    std::optional<double> current;     ///< its value now
    int64_t epoch = 0;                 ///< 0 for the first
    const Options* options = nullptr;  ///< complete, never null
};

/// A rule that says how an option such as sparsity_level moves from epoch to epoch, with self-describing options.
/// Stateless; any thread may call it. Those that a recipe can name have one file in engine/schedulers/ each.
class Schedule {
  public:
    virtual ~Schedule() = default;

    virtual std::string_view name() const = 0;    ///< as in recipes: "cubic"
    virtual std::string_view title() const = 0;   ///< as in the window
    virtual std::string_view help() const = 0;    ///< one or two sentences
    virtual std::string_view source() const = 0;  ///< the paper or upstream class it follows
    virtual std::span<const OptionSpec> options() const = 0;

    /// The group's value at that epoch; nothing leaves the group as it is. `options` is complete.
    virtual std::optional<double> value(const ScheduleRequest& request) const = 0;
    /// `given` with those options changed that say how long the curve is: it then ends at the last of `epochs` epochs.
    /// A schedule without an end gives them back as they are. `given` need not be complete.
    virtual Options fitted(const Options& given, int64_t epochs) const;
    /// Options to begin with behind another schedule, under which its levels are not lost.
    virtual Options behind_another() const { return {}; }
    /// Throws Error(argument) if this schedule was made for another number of groups.
    virtual void check_groups(size_t) const {}

    /// `given` checked, with every left-out option filled in. Throws Error(argument) for an unknown option or a value
    /// out of range.
    Options complete(const Options& given) const;
};

using SchedulePtr = std::shared_ptr<const Schedule>;

/// The schedules that a recipe can name, sorted by name.
std::span<const Schedule* const> schedules();
/// Throws Error(argument) naming the known ones (and the nearest) if there is none called `name`.
const Schedule& schedule(std::string_view name);

/// One schedule of several that move the same groups, with its complete options.
struct ScheduleLink {
    const Schedule* schedule = nullptr;  ///< never null
    Options options;
};

/// Values at epochs 0 … epochs − 1 of a group whose own value is `base`, to draw: at each epoch the schedules set it in
/// order, as schedulers that were made one after the other do (scheduler.h), so that a later one's base is what those
/// before it set at epoch 0. An epoch at which they leave the group alone repeats the value before it. Throws
/// Error(argument) that names the first epoch at which the schedule gives no finite number.
std::vector<double> schedule_curve(std::span<const ScheduleLink> links, double base, int64_t epochs);
/// The same for one schedule. `options` is complete.
std::vector<double> schedule_curve(const Schedule& schedule, const Options& options, double base, int64_t epochs);

}  // namespace lacuna
