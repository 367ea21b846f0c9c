#pragma once

#include <string>

#include "engine/base/error.h"
#include "engine/session/recipe.h"
#include "engine/session/recipe_text.h"

namespace lacuna {

/// Throws Error(recipe) whose place reads "FILE:LINE: KEY", as far as file and line are known.
[[noreturn]] inline void recipe_error(const std::string& source, RecipePlace place, const std::string& key,
                                      std::string what, std::string hint) {
    std::string where = source.empty() ? "recipe" : source;
    if (place.line > 0) where += ":" + std::to_string(place.line);
    if (!key.empty()) where += ": " + shortened(key);
    throw Error(ErrorKind::recipe, std::move(where), std::move(what), std::move(hint));
}

}  // namespace lacuna
