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
std::string number_text(double number, int digits = 4);  ///< "0.0213", "1.5e-06": so many significant digits at most
std::string bytes_text(double bytes);                    ///< "12.3 MB", in powers of 1000 as file managers count
std::string count_text(double count);                    ///< "12.3 M", for large numbers that need not be exact

}  // namespace lacuna
