#include "app/cli/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>

#include "engine/base/utf8.h"
#include "engine/session/recipe_text.h"

namespace lacuna::cli {

std::string printable(std::string_view text) {
    std::string out;
    for (;;) {
        const size_t bad = first_bad_byte(text);
        const std::string_view good = text.substr(0, bad);
        std::replace_copy_if(
            good.begin(), good.end(), std::back_inserter(out),
            [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
        if (bad == std::string_view::npos) return out;
        out += '?';
        text.remove_prefix(bad + 1);
    }
}

size_t columns_of(std::string_view text) {
    return size_t(std::count_if(text.begin(), text.end(), std::not_fn(is_continuation)));
}

std::string percent_text(double fraction) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f %%", 100 * fraction);
    return text;
}

std::string bar_text(double fraction, int cells, bool unicode) {
    constexpr std::array eighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const double filled = std::clamp(fraction, 0.0, 1.0) * cells;
    std::string bar;
    if (!unicode) {
        const int whole = int(std::lround(filled));
        return "[" + std::string(size_t(whole), '#') + std::string(size_t(cells - whole), '.') + "]";
    }
    const int whole = int(filled);
    for (int i = 0; i < whole; ++i) bar += "█";
    const char* part = eighths[size_t((filled - whole) * 8)];
    bar += part;
    for (int i = whole + (*part ? 1 : 0); i < cells; ++i) bar += "·";
    return bar;
}

}  // namespace lacuna::cli
