#include "engine/base/listed.h"

namespace lacuna {

std::string listed(std::span<const std::string> names) {
    constexpr size_t shown = 3;
    const bool whole = names.size() <= shown + 1;  // "and 1 more" takes no less room than the one
    const size_t count = whole ? names.size() : shown;
    std::string text;
    for (size_t i = 0; i < count; ++i) {
        if (i > 0) text += whole && i + 1 == count ? " and " : ", ";
        text += names[i];
    }
    return whole ? text : text + " and " + std::to_string(names.size() - count) + " more";
}

}  // namespace lacuna
