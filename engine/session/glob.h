#pragma once

#include <string_view>

namespace lacuna {

/// Whether `pattern` holds a wildcard. One that does not is the name of a single tensor.
bool is_glob(std::string_view pattern);

/// Whether all of `text` matches: `*` is any run of characters, dots included, `?` is one character (of UTF-8), and
/// everything else stands for itself. Takes time of at most the product of the two lengths.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace lacuna
