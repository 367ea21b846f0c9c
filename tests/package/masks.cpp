#include <cstdio>

#include "engine/session/pruning.h"

int main(int, char** arguments) {
    auto checkpoint = lacuna::open_checkpoint(arguments[1]);
    auto recipe = lacuna::parse_recipe("version: 1\ngroups:\n  - {layers: '*', sparsifier: weight_norm}\n", "here");
    lacuna::Pruning pruning(checkpoint, lacuna::resolve(recipe, *checkpoint));
    lacuna::Progress progress;
    pruning.step(progress);
    auto report = lacuna::make_report(pruning, 0, progress);
    std::printf("%zu layers, %lld of %lld\n", report.layers.size(), (long long)report.zeros, (long long)report.params);
}
