#include "engine/session/recipe_text.h"

#include <algorithm>

namespace lacuna {
namespace {

/// Bytes of the UTF-8 character that begins `rest`; 0 if there is none.
size_t utf8_length(std::string_view rest) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(rest[i]); };
    if (byte(0) < 0x80) return 1;
    const size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
    if (byte(0) < 0xC2 || byte(0) > 0xF4 || rest.size() < length) return 0;
    for (size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xC0) != 0x80) return 0;
    const bool overlong = (byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xF0 && byte(1) < 0x90);
    const bool outside = (byte(0) == 0xED && byte(1) >= 0xA0) || (byte(0) == 0xF4 && byte(1) >= 0x90);
    return overlong || outside ? 0 : length;
}

std::string_view line_text(std::string_view text, int line) {
    for (; line > 1 && !text.empty(); --line) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    return text.substr(0, text.find('\n'));
}

}  // namespace

size_t first_bad_byte(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
        const auto c = static_cast<unsigned char>(text[i]);
        const bool control = (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F;
        const size_t length = control ? 0 : utf8_length(text.substr(i));
        if (length == 0) return i;
        i += length;
    }
    return std::string_view::npos;
}

int line_at(std::string_view text, size_t offset) {
    return 1 + int(std::count(text.begin(), text.begin() + std::ptrdiff_t(std::min(offset, text.size())), '\n'));
}

std::string shortened(std::string_view text) {
    constexpr size_t most = 80;
    if (text.size() <= most) return std::string(text);
    size_t end = most;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return std::string(text.substr(0, end)) + "…";
}

std::string yaml_hint(std::string_view text, int line) {
    const std::string_view here = line_text(text, line);
    const auto indent = here.substr(0, std::min(here.find_first_not_of(" \t"), here.size()));
    if (indent.find('\t') != std::string_view::npos) return "indent with spaces: YAML takes no tabs there";
    const size_t star = here.find('*');
    if (star != std::string_view::npos && here.find_first_of("\"'") > star) return "put globs into quotes: \"*\"";
    return "check brackets, quotes and indentation there and above";
}

}  // namespace lacuna
