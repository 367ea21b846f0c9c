#include "engine/session/scheduled_data.h"

namespace lacuna {

std::optional<double> ScheduledData::value(size_t group) const {
    return data_.rule().number(data_.options(data_.name(group)), option_);
}

void ScheduledData::set_values(std::span<const std::optional<double>> values) {
    std::map<std::string, double, std::less<>> given;
    for (size_t i = 0; i < values.size(); ++i)
        if (values[i]) given[data_.name(i)] = *values[i];
    data_.set_option(option_, given);
}

}  // namespace lacuna
