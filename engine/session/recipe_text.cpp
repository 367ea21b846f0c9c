#include "engine/session/recipe_text.h"

#include <algorithm>

#include "engine/base/utf8.h"

namespace lacuna {
namespace {

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
    return std::string(utf8_prefix(text, most)) + "…";
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
