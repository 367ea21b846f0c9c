#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lacuna {

/// The candidate that is most likely meant by a mistyped `word` (fewest edits, at most a third of its length, the first
/// of equals), or "" if none is near.
std::string nearest(std::string_view word, std::span<const std::string> candidates);
/// A hint for an unknown `word`: "did you mean X? known: W, X, Y", the question only where something is near.
std::string suggestion(std::string_view word, std::span<const std::string> known);

}  // namespace lacuna
