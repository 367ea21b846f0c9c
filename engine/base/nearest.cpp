#include "engine/base/nearest.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace lacuna {
namespace {

/// Insertions, deletions and replacements that turn `a` into `b`.
size_t edits(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t(0));
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0]++;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
    constexpr size_t longest = 200;  // nobody mistypes more, and the work grows with the square
    if (word.size() > longest) return {};
    std::string best;
    size_t fewest = std::max<size_t>(1, word.size() / 3) + 1;
    for (const auto& candidate : candidates) {
        const size_t here = edits(word, candidate);
        if (here < fewest) fewest = here, best = candidate;
    }
    return best;
}

std::string suggestion(std::string_view word, std::span<const std::string> known) {
    std::string list;
    for (const auto& name : known) list += (list.empty() ? "" : ", ") + name;
    const std::string near = nearest(word, known);
    return (near.empty() ? "" : "did you mean " + near + "? ") + "known: " + list;
}

}  // namespace lacuna
