#pragma once

#include <string>
#include <string_view>

namespace lacuna {

/// Offset of the first byte that no UTF-8 text file has (a control character, a broken sequence), or npos.
size_t first_bad_byte(std::string_view text);
/// The line, counted from 1, that holds the byte at `offset`.
int line_at(std::string_view text, size_t offset);
/// At most 80 bytes of a text, cut between characters, for a message that shall stay readable.
std::string shortened(std::string_view text);
/// What to do about YAML that could not be read at `line`: names the slips that are made most.
std::string yaml_hint(std::string_view text, int line);

}  // namespace lacuna
