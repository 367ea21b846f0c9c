#pragma once

#include <functional>
#include <vector>

#include "engine/schedulers/schedule.h"

namespace lacuna {

/// A factor for an epoch.
using ScheduleFactor = std::function<double(int64_t epoch)>;

/// torch.ao.pruning's LambdaSL: the base value times factor(epoch), not clamped. Groups without the option are left
/// alone. A schedule of C++ callables: it has no options, no recipe can name it, and a saved state does not hold it.
SchedulePtr lambda_schedule(ScheduleFactor factor);
/// The same with a factor for each group. The scheduler throws Error(argument) unless there are as many groups.
SchedulePtr lambda_schedule(std::vector<ScheduleFactor> factors);

/// Any rule as a callable: the value for a request, or nothing to leave the group as it is (BaseDataScheduler's
/// get_schedule_param). It may look at the current value and so build on another scheduler's.
SchedulePtr function_schedule(std::function<std::optional<double>(const ScheduleRequest&)> rule);

}  // namespace lacuna
