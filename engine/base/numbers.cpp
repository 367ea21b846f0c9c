#include "engine/base/numbers.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace lacuna {
namespace {

/// A number with three digits and the prefix that suits its size.
std::string scaled(double number) {
    constexpr std::array prefixes{"", "k", "M", "G", "T", "P"};
    size_t prefix = 0;
    for (; number >= 999.5 && prefix + 1 < prefixes.size(); ++prefix) number /= 1000;
    char text[32];
    const int digits = prefix == 0 ? 0 : number < 9.995 ? 2 : number < 99.95 ? 1 : 0;
    std::snprintf(text, sizeof text, "%.*f %s", digits, number, prefixes[prefix]);
    return text;
}

}  // namespace

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

std::string number_text(double number, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*g", digits, number);
    return text;
}

std::string bytes_text(double bytes) {
    return scaled(bytes) + "B";
}

std::string count_text(double count) {
    std::string text = scaled(count);
    if (text.ends_with(' ')) text.pop_back();
    return text;
}

}  // namespace lacuna
