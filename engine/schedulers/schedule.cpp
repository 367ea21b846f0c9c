#include "engine/schedulers/schedule.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/base/error.h"
#include "engine/base/nearest.h"
#include "engine/schedulers/registry.h"

namespace lacuna {

Options Schedule::complete(const Options& given) const {
    return completed(options(), given, "scheduler " + std::string(name()));
}

Options Schedule::fitted(const Options& given, int64_t) const {
    return given;
}

std::span<const Schedule* const> schedules() {
    static const auto all = [] {
        auto list = listed_schedules();
        std::sort(list.begin(), list.end(), [](const auto* a, const auto* b) { return a->name() < b->name(); });
        return list;
    }();
    return all;
}

const Schedule& schedule(std::string_view name) {
    std::vector<std::string> known;
    for (const Schedule* one : schedules()) {
        if (one->name() == name) return *one;
        known.emplace_back(one->name());
    }
    throw Error(ErrorKind::argument, "scheduler", "there is none called \"" + std::string(name) + "\"",
                suggestion(name, known));
}

std::vector<double> schedule_curve(std::span<const ScheduleLink> links, double base, int64_t epochs) {
    std::vector<double> values, bases(links.size());
    double current = base;
    for (int64_t epoch = 0; epoch < epochs; ++epoch) {
        for (size_t i = 0; i < links.size(); ++i) {
            if (epoch == 0) bases[i] = current;
            ScheduleRequest request;
            request.base = bases[i];
            request.current = current;
            request.epoch = epoch;
            request.options = &links[i].options;
            current = links[i].schedule->value(request).value_or(current);
            if (!std::isfinite(current))
                throw Error(ErrorKind::argument, "scheduler " + std::string(links[i].schedule->name()),
                            "gives no finite level at epoch " + std::to_string(epoch), "change its options");
        }
        values.push_back(current);
    }
    return values;
}

std::vector<double> schedule_curve(const Schedule& schedule, const Options& options, double base, int64_t epochs) {
    const ScheduleLink link{&schedule, options};
    return schedule_curve(std::span(&link, 1), base, epochs);
}

}  // namespace lacuna
