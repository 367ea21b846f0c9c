#pragma once

#include <span>
#include <string>
#include <vector>

namespace lacuna {

/// A key of a recipe, declared once: what the reader takes and what `lacuna-cli recipe` explains. Options of
/// sparsifiers and schedulers are keys too, and declared with those.
struct RecipeKey {
    std::string name;
    std::string values;     ///< what it takes, in few words
    std::string otherwise;  ///< what holds where it is left out; "needed": it cannot be
    std::string help;       ///< one line
};

std::span<const RecipeKey> recipe_keys();    ///< at the top
std::span<const RecipeKey> group_keys();     ///< of each of the groups
std::span<const RecipeKey> schedule_keys();  ///< of a schedule

/// Their names.
std::vector<std::string> names_of(std::span<const RecipeKey> keys);

/// A schedule has no more schedulers than this.
inline constexpr size_t most_schedulers = 8;

}  // namespace lacuna
