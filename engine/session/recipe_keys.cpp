#include "engine/session/recipe_keys.h"

#include <array>

#include "engine/session/recipe.h"

namespace lacuna {
namespace {

constexpr const char* needed = "needed";
constexpr const char* patterns = "glob, name, or a list of them";

}  // namespace

std::span<const RecipeKey> recipe_keys() {
    static const std::array keys{
        RecipeKey{"version", "1", needed, "The version of this format."},
        RecipeKey{"groups", "list", needed, "What to prune and how; a later group takes over the tensors it matches."},
        RecipeKey{"steps", "integer, 1 to " + std::to_string(most_steps), "1",
                  "Updates of all masks, one after the other."},
        RecipeKey{"ties", "lowest, aten", "lowest",
                  "Which of equal scores goes first: the lower index, or torch.ao.pruning's order."},
        RecipeKey{"schedule", "schedule, or a list of at most " + std::to_string(most_schedulers), "none",
                  "Moves sparsity levels from step to step; several do so in turn, each from what the last one set."},
    };
    return keys;
}

std::span<const RecipeKey> group_keys() {
    static const std::array keys{
        RecipeKey{"layers", patterns, needed,
                  "Which tensors: * is any run of characters, ? is one. \"*\" alone: all that can be pruned."},
        RecipeKey{"except", patterns, "none", "Which of them are left out."},
        RecipeKey{"sparsifier", "a sparsifier's name", needed, "The rule; its options are keys of the group too."},
    };
    return keys;
}

std::span<const RecipeKey> schedule_keys() {
    static const std::array keys{
        RecipeKey{"scheduler", "a scheduler's name", needed,
                  "The curve; its options are keys beside it: one value, or a list of one for each group."},
    };
    return keys;
}

std::vector<std::string> names_of(std::span<const RecipeKey> keys) {
    std::vector<std::string> names;
    for (const RecipeKey& key : keys) names.push_back(key.name);
    return names;
}

}  // namespace lacuna
