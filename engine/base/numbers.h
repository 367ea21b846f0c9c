#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lacuna {

/// Numbers as every message, table and canvas writes them.
std::string grouped(int64_t number);                         ///< "1,234,567"
std::string counted(int64_t number, std::string_view noun);  ///< "1 tensor", "1,234 tensors"
/// "48.2 %", with a space that does not break. Never "100.0 %" for less than all nor "0.0 %" for more than nothing.
std::string percentage(double fraction);

}  // namespace lacuna
