#include "engine/base/utf8.h"

#include <algorithm>

namespace lacuna {

size_t utf8_length(std::string_view rest) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(rest[i]); };
    if (rest.empty()) return 0;
    if (byte(0) < 0x80) return 1;
    const size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
    if (byte(0) < 0xC2 || byte(0) > 0xF4 || rest.size() < length) return 0;
    if (!std::all_of(rest.begin() + 1, rest.begin() + std::ptrdiff_t(length), is_continuation)) return 0;
    const bool overlong = (byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xF0 && byte(1) < 0x90);
    const bool outside = (byte(0) == 0xED && byte(1) >= 0xA0) || (byte(0) == 0xF4 && byte(1) >= 0x90);
    return overlong || outside ? 0 : length;
}

std::string_view utf8_prefix(std::string_view text, size_t most) {
    size_t end = std::min(text.size(), most);
    while (end > 0 && end < text.size() && is_continuation(text[end])) --end;
    return text.substr(0, end);
}

}  // namespace lacuna
