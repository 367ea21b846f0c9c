// What 20,000 layers of 64 × 64 weights cost a layer, without a window:
//   small_layers_bench [ROUNDS]       a table of microseconds a layer, the least of the rounds (5)
//   small_layers_bench --write FILE   writes such a checkpoint, for whole processes to be timed on
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "engine/formats/formats.h"
#include "engine/session/pruning.h"
#include "engine/session/report.h"
#include "engine/session/session.h"
#include "tests/bench/small_layers.h"
#include "tests/bench/watch.h"
#include "tests/support/scratch_folder.h"

using namespace lacuna;

namespace {

Recipe recipe(int64_t columns, int64_t zeros) {
    Options options;
    options.set("sparse_block_shape", std::vector<int64_t>{1, columns});
    options.set("zeros_per_block", zeros);
    Recipe recipe;
    recipe.groups.push_back({{"*"}, {}, "weight_norm", options, {}, {}, {}});
    return recipe;
}

void measure(const char* name, int rounds, const std::function<void()>& work) {
    double passed = 1e9, worked = 1e9;
    for (int i = 0; i < rounds; ++i) {
        const bench::Watch watch;
        work();
        passed = std::min(passed, watch.passed());
        worked = std::min(worked, watch.cpu());
    }
    std::printf("| %-42s | %6.2f | %6.2f |\n", name, passed * 1000 / bench::small_layers,
                worked * 1000 / bench::small_layers);
}

void measure_steps(const CheckpointPtr& checkpoint, int rounds) {
    Progress progress;
    const auto step = [&](const char* name, const Recipe& recipe, int steps_before) {
        Pruning pruning(checkpoint, resolve(recipe, *checkpoint));
        for (int i = 0; i < steps_before; ++i) pruning.step(progress);
        measure(name, rounds, [&] { pruning.step(progress); });
    };
    step("step, single weights", recipe(1, 1), 0);
    step("step, half pruned already", recipe(1, 1), 1);
    step("step, 1×4 blocks", recipe(4, 4), 0);
    step("step, 2:4", recipe(4, 2), 0);
}

/// As the window uses it, without drawing: all layers selected, the level dragged.
void measure_session(const std::filesystem::path& model, int rounds) {
    Session session([] {});
    session.open(model);
    session.wait_idle();
    std::vector<size_t> all(size_t(bench::small_layers));
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    session.set_sparsifier(all, "weight_norm");
    session.wait_idle();
    double level = 0.3;
    measure("a level moved, until all masks are there", rounds, [&] {
        session.set_option(all, "sparsity_level", level += 0.01, true);
        session.wait_idle();
    });
    measure("step in the session", rounds, [&] {
        session.step();
        session.wait_idle();
    });
}

}  // namespace

int main(int count, char** arguments) {
    if (count == 3 && std::strcmp(arguments[1], "--write") == 0) return bench::write_small_layers(arguments[2]).empty();
    const int rounds = count > 1 ? std::max(1, std::atoi(arguments[1])) : 5;
    const testing_support::ScratchFolder folder;
    const auto model = bench::write_small_layers(folder.path() / "small.safetensors");
    std::printf("%d layers of %d × %d, microseconds a layer, least of %d\n\n| | passed | CPU |\n|---|---:|---:|\n",
                bench::small_layers, int(bench::small_side), int(bench::small_side), rounds);
    CheckpointPtr checkpoint;
    Progress progress;
    measure("open", rounds, [&] { checkpoint = open_checkpoint(model); });
    measure("list as a tree of layers", rounds, [&] { Model(checkpoint).layers(); });
    measure("resolve a recipe", rounds, [&] { resolve(recipe(1, 1), *checkpoint); });
    measure_steps(checkpoint, rounds);
    measure("count zeros", rounds, [&] { inspect(*checkpoint, {.zeros = true}, progress); });
    measure("count patterns", rounds, [&] {
        inspect(*checkpoint, {.zeros = true, .tile = BlockShape{4, 4}}, progress);
    });
    measure_session(model, rounds);
}
