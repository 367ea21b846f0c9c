// Reads any bytes as a recipe, lays it over a small model and takes its first steps; what was read must be read again
// from what is written.
#include "engine/base/error.h"
#include "engine/base/parallel.h"
#include "engine/session/recipe_run.h"
#include "tests/fuzz/small_model.h"

namespace {

constexpr int most_steps = 3;  // of as many as a recipe may ask for

void read_again(const lacuna::Recipe& recipe) {
    const std::string text = lacuna::to_yaml(recipe);
    if (lacuna::to_yaml(lacuna::parse_recipe(text, "again")) != text) __builtin_trap();
}

void prune(const lacuna::Recipe& recipe) {
    auto targets = lacuna::resolve(recipe, *lacuna::fuzz::small_model());
    const lacuna::LevelsByStep levels(targets, recipe);
    lacuna::Pruning pruning(lacuna::fuzz::small_model(), std::move(targets), recipe.ties);
    lacuna::Progress progress;
    lacuna::take_steps(pruning, std::min(recipe.steps, most_steps), levels, progress);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    lacuna::set_threads(1);
    std::optional<lacuna::Recipe> recipe;
    try {
        recipe = lacuna::parse_recipe({reinterpret_cast<const char*>(data), size}, "fuzz");
    } catch (const lacuna::Error&) {
        return 0;
    }
    read_again(*recipe);  // an Error here is a finding
    try {
        prune(*recipe);
    } catch (const lacuna::Error&) {
    }
    return 0;
}
