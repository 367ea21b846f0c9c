#include "engine/base/error.h"

#include <algorithm>

namespace lacuna {
namespace {

std::string one_line(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
    return text;
}

std::string joined(const std::string& where, const std::string& what, const std::string& hint) {
    std::string line = where.empty() ? what : where + ": " + what;
    if (!hint.empty()) line += "; " + hint;
    return one_line(std::move(line));
}

}  // namespace

Error::Error(ErrorKind kind, std::string where, std::string what, std::string hint)
    : std::runtime_error(joined(where, what, hint)),
      kind_(kind),
      where_(one_line(std::move(where))),
      problem_(one_line(std::move(what))),
      hint_(one_line(std::move(hint))) {}

}  // namespace lacuna
