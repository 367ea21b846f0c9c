#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lacuna {

/// Python's repr of a string ('a\n'), as protocol 0 writes it; nothing if it is not one.
std::optional<std::string> unquote_python(std::string_view repr);
/// Python's raw-unicode-escape (\uXXXX, bytes above 0x7f are Latin-1) as UTF-8; nothing if an escape is broken.
std::optional<std::string> decode_raw_unicode(std::string_view escaped);
/// The text with everything that is no UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

}  // namespace lacuna
