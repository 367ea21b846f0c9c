#include "engine/base/numbers.h"

#include <cmath>
#include <cstdio>

namespace lacuna {

std::string grouped(int64_t number) {
    std::string digits = std::to_string(number);
    for (auto at = int64_t(digits.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3) digits.insert(size_t(at), ",");
    return digits;
}

std::string counted(int64_t number, std::string_view noun) {
    return grouped(number).append(" ").append(noun) + (number == 1 ? "" : "s");
}

std::string percentage(double fraction) {
    double percent = std::round(fraction * 1000) / 10;
    if (fraction < 1 && percent >= 100) percent = 99.9;
    if (fraction > 0 && percent <= 0) percent = 0.1;
    char text[32];
    std::snprintf(text, sizeof text, "%.1f\u00a0%%", percent);
    return text;
}

}  // namespace lacuna
