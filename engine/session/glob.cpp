#include "engine/session/glob.h"

#include "engine/base/utf8.h"

namespace lacuna {
namespace {

/// Bytes of the character that begins at text[i].
size_t character_bytes(std::string_view text, size_t i) {
    size_t end = i + 1;
    while (end < text.size() && is_continuation(text[end])) ++end;
    return end - i;
}

}  // namespace

bool is_glob(std::string_view pattern) {
    return pattern.find_first_of("*?") != std::string_view::npos;
}

bool glob_matches(std::string_view pattern, std::string_view text) {
    constexpr size_t none = std::string_view::npos;
    size_t p = 0, t = 0;
    size_t after_star = none, star_end = 0;  // only the last star ever needs to grow
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            after_star = ++p;
            star_end = t;
        } else if (p < pattern.size() && pattern[p] == '?') {
            ++p;
            t += character_bytes(text, t);
        } else if (p < pattern.size() && pattern[p] == text[t]) {
            ++p, ++t;
        } else if (after_star != none) {
            p = after_star;
            t = star_end += character_bytes(text, star_end);
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

}  // namespace lacuna
