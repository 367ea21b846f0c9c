#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/model.h"
#include "engine/sparsifiers/sparsifier.h"

namespace lacuna {

/// Where something stands in a recipe file, for error messages; line 0: it was made in memory.
struct RecipePlace {
    int line = 0;
};

/// Tensors by glob or by name, with the sparsifier and options that hold for them.
struct RecipeGroup {
    std::vector<std::string> layers;  ///< globs over tensor FQNs; * crosses dots, ? is one character
    std::vector<std::string> except;
    std::string sparsifier;
    Options options;  ///< as given: left-out options are absent
    RecipePlace place;
    std::vector<RecipePlace> layer_places;                          ///< one for each of `layers`, or none
    std::map<std::string, RecipePlace, std::less<>> option_places;  ///< of options that a file gave
};

/// A recipe takes no more steps than this.
inline constexpr int most_steps = 10'000;

/// One scheduler, which moves sparsity levels from step to step (engine/schedulers); a cubic curve ends at a group's
/// own level.
struct RecipeSchedule {
    std::string scheduler;
    std::vector<Options> options;  ///< as given: one for all groups, or one for each of the recipe's groups
    RecipePlace place;
};

/// What a scheduler of a recipe gives one of its groups.
const Options& options_for(const RecipeSchedule& schedule, size_t group);

/// The file that says what to prune and how (README, Headless).
struct Recipe {
    int version = 1;
    std::vector<RecipeGroup> groups;
    int steps = 1;
    /// In the order in which they set the levels of a step, each as of the ones before it; none: every step is taken at
    /// the groups' own levels.
    std::vector<RecipeSchedule> schedules;
    Ties ties = Ties::lowest;
    std::string source;  ///< the file's name, for error messages
};

/// Reads YAML (JSON is a subset). Every error names file, line and key and says what to do. Throws Error(recipe).
Recipe parse_recipe(std::string_view text, std::string source_name);
/// Reads and parses a file of at most 1 MiB. Throws Error(file) too.
Recipe read_recipe(const std::filesystem::path& path);
/// The recipe as YAML; `parse_recipe` gives the same recipe back (places aside).
std::string to_yaml(const Recipe& recipe);

/// One tensor with what the recipe decided for it.
struct Target {
    size_t tensor = 0;  ///< index into Checkpoint::tensors()
    const Sparsifier* sparsifier = nullptr;
    Options options;       ///< complete
    size_t group = 0;      ///< index into Recipe::groups
    bool by_glob = false;  ///< nobody named it
};

/// Which tensors the recipe prunes, in the checkpoint's order; a later group takes over what it matches. Checks
/// everything that `step` could trip over. Throws Error(recipe) for a glob that matches nothing, a named tensor that
/// cannot be pruned, options that do not fit a tensor; nothing is read from the tensors.
std::vector<Target> resolve(const Recipe& recipe, const Checkpoint& checkpoint);

}  // namespace lacuna
