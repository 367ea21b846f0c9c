#pragma once

#include <span>
#include <string>

namespace lacuna {

/// Names in a sentence: "a", "a and b", "a, b, c and 9 more".
std::string listed(std::span<const std::string> names);

}  // namespace lacuna
