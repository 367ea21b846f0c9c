#pragma once

#include <cstddef>
#include <string_view>

namespace lacuna {

/// Bytes of the UTF-8 character that begins `rest`; 0 if there is none: a broken or overlong sequence, a surrogate.
size_t utf8_length(std::string_view rest);
/// Whether a byte of UTF-8 goes on with a character that began before it.
constexpr bool is_continuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}
/// The beginning of a text, at most `most` bytes, cut between characters.
std::string_view utf8_prefix(std::string_view text, size_t most);

}  // namespace lacuna
