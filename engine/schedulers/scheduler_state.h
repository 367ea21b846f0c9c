#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sparsifiers/options.h"

namespace lacuna {

/// Everything a scheduler knows but its callables: with the groups' own state it goes on where it was.
struct SchedulerState {
    struct Group {
        std::string name;
        std::optional<double> base, last;
        Options options;
        bool operator==(const Group&) const = default;
    };
    std::string schedule;  ///< its name
    int64_t last_epoch = -1;
    int64_t step_count = 0;
    std::vector<Group> groups;
    bool operator==(const SchedulerState&) const = default;
};

/// The state as JSON; numbers come back exactly.
std::string to_json(const SchedulerState& state);
/// Reads it. `where` names the source in errors. Throws Error(format).
SchedulerState scheduler_state_from_json(std::string_view text, const std::string& where);

}  // namespace lacuna
