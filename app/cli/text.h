#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/numbers.h"

namespace lacuna::cli {

/// Text that a terminal can take as it is: control characters and broken UTF-8 become "?".
std::string printable(std::string_view text);
/// Characters of UTF-8 text, which are the columns that it takes on a terminal.
size_t columns_of(std::string_view text);

std::string percent_text(double fraction);  ///< "50.00 %"
/// A bar of `cells` columns, filled as far as `fraction` says.
std::string bar_text(double fraction, int cells, bool unicode);

}  // namespace lacuna::cli
