#include "engine/schedulers/scheduler_state.h"

#include "engine/base/error.h"
#include "engine/sparsifiers/options_json.h"

namespace lacuna {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const std::optional<double>& value) {
    return value ? Json(*value) : Json();
}

std::optional<double> number_of(const Json& json) {
    if (json.is_null()) return std::nullopt;
    if (!json.is_number()) throw std::invalid_argument("a value is not a number");
    return json.get<double>();
}

SchedulerState::Group group_of(const std::string& name, const Json& json) {
    return {name, number_of(json.at("base")), number_of(json.at("last")), options_of(json.at("options"))};
}

}  // namespace

std::string to_json(const SchedulerState& state) {
    Json groups = Json::object();
    for (const auto& group : state.groups)
        groups[group.name] = {
            {"base", json_of(group.base)}, {"last", json_of(group.last)}, {"options", json_of(group.options)}};
    const Json json = {{"schedule", state.schedule},
                       {"last_epoch", state.last_epoch},
                       {"step_count", state.step_count},
                       {"groups", groups}};
    return json.dump();
}

SchedulerState scheduler_state_from_json(std::string_view text, const std::string& where) {
    try {
        const Json json = Json::parse(text);
        SchedulerState state{json.at("schedule").get<std::string>(),
                             json.at("last_epoch").get<int64_t>(),
                             json.at("step_count").get<int64_t>(),
                             {}};
        for (const auto& [name, group] : json.at("groups").items()) state.groups.push_back(group_of(name, group));
        return state;
    } catch (const std::exception& error) {
        throw Error(ErrorKind::format, where, std::string("no scheduler state: ") + error.what(),
                    "give a state that Lacuna saved");
    }
}

}  // namespace lacuna
