#pragma once

#include <exception>
#include <string>

namespace lacuna {

/// The one line that matters of what LibTorch threw: no backtrace, no interpreter trace, at most 300 characters.
std::string brief(const std::exception& error);

}  // namespace lacuna
